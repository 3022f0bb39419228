"""Nothing that identifies a patient leaves landing, whatever element it stands in."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pydicom import Sequence
from pydicom.dataset import Dataset

from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import (
    Ingested,
    make_image,
    make_segmentation,
    save,
    save_picture,
)

Ingest = Callable[[], Ingested]

NAME, MRN, PLACE, ACCESSION = "QUAXELTHORPE", "MRN-90817263", "WYVERNMOOR", "ACC70931"
UID_ROOT = "1.2.826.0.1.3680043.8.498.4711"
SECRETS = (NAME, MRN, PLACE, ACCESSION, UID_ROOT, "19470309", "20190314")
MASKS = np.ones((1, 3, 4), np.uint8)

_TEXTS = (
    "AccessionNumber AdditionalPatientHistory DeviceSerialNumber ImageComments InstitutionName "
    "OperatorsName OtherPatientIDs PatientAddress PatientComments PatientName ProtocolName "
    "ReferringPhysicianName SeriesDescription StationName StudyDescription StudyID"
)
_CODES = ("BodyPartExamined", "ViewPosition", "Laterality", "PatientSex", "BurnedInAnnotation")


def _marked(dataset: Dataset) -> Dataset:
    """Plant the patient wherever an element takes text."""
    for keyword in _TEXTS.split():
        setattr(dataset, keyword, f"{NAME} {MRN}"[:16])
    for keyword in _CODES:
        setattr(dataset, keyword, NAME)
    dataset.PatientID, dataset.AccessionNumber = MRN, ACCESSION
    dataset.InstitutionAddress = PLACE
    dataset.PatientBirthDate, dataset.StudyDate = "19470309", "20190314"
    for number, keyword in enumerate(("StudyInstanceUID", "SeriesInstanceUID"), 1):
        setattr(dataset, keyword, f"{UID_ROOT}.{number}")
    dataset.SOPInstanceUID = f"{UID_ROOT}.3.{dataset.Modality.encode().hex()[:2]}1"
    request = Dataset()
    request.RequestedProcedureDescription = f"{NAME} {MRN}"
    dataset.RequestAttributesSequence = Sequence([request])
    dataset.add_new(0x00090010, "LO", f"{NAME}")
    dataset.add_new(0x00091001, "LT", f"{NAME} {MRN} {PLACE}")
    return dataset


def _everything(ingested: Ingested) -> bytes:
    """All that the lake would hold of a delivery, uncompressed, and the accounting."""
    texts = [repr(ingested.stage.counts), repr(ingested.stage.refusals)]
    for table in (*ingested.stage.tables(), "quarantine"):
        if table in ingested.stage.parts():
            texts += map(repr, ingested.stage.read(table).to_pylist())
    files = [path.read_bytes() for path in ingested.stage.folder.rglob("*.parquet")]
    return "".join(texts).encode() + b"".join(files)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_identifier_of_a_dicom_delivery_is_staged(folder: Path, ingest: Ingest) -> None:
    image = _marked(make_image(Manufacturer="ACME"))
    segmentation = _marked(make_segmentation(MASKS, [(image.SOPInstanceUID, 1)]))
    refused = _marked(make_image(Rows=9))
    refused.SOPInstanceUID += "9"
    for number, dataset in enumerate((image, segmentation, refused)):
        save(dataset, folder / NAME / f"{MRN}_{number}.dcm")
    (folder / NAME / f"{NAME}.dcm").write_bytes(NAME.encode() * 40)
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 4, "accepted": 2, "quarantined": 2}
    staged = _everything(ingested)
    assert b"ACME" in staged
    assert [secret for secret in SECRETS if secret.encode() in staged] == []


def test_no_identifier_of_a_picture_delivery_is_staged(folder: Path, ingest: Ingest) -> None:
    save_picture(folder / "images" / f"{NAME}.png", np.zeros((3, 4), np.uint8))
    save_picture(folder / "images" / f"{NAME}2.png", np.ones((3, 4), np.uint8))
    (folder / "delivery.json").write_text(
        '{"labels": "labels.csv", "label_file_column": "f", "label_patient_column": "p"}'
    )
    rows = f"{NAME}.png,{MRN},benign,{PLACE}\n{ACCESSION}.png,{MRN},{NAME},{PLACE}\n"
    (folder / "labels.csv").write_text(f"f,p,label,{NAME}\n{rows}")
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 2, "accepted": 1, "quarantined": 1}
    staged = _everything(ingested)
    assert b"benign" in staged
    assert [secret for secret in SECRETS if secret.encode() in staged] == []


def test_dates_keep_their_distance_within_a_patient(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    for number, day in enumerate(("20200101", "20200111")):
        save(make_image(StudyDate=day, AcquisitionDate=day), folder / f"{number}.dcm")
    first, second = sorted(row["study_at"] for row in ingest().rows("instance"))
    assert second - first == timedelta(days=10)
    assert first.year != 2020 or first.timetuple().tm_yday != 1


def test_images_of_one_series_stay_together(folder: Path, ingest: Ingest) -> None:
    uids = {"StudyInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3.5"}
    for number in range(2):
        save(make_image(**uids), folder / f"{number}.dcm")
    rows = ingest().rows("instance")
    assert len({(row["study_id"], row["series_id"]) for row in rows}) == 1
    assert len({row["instance_id"] for row in rows}) == 2

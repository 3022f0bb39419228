"""DICOM deliveries: what is accepted, what is refused and why; nothing gets lost."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    generate_uid,
)

from medplatform.modalities.imaging import IMAGING
from medplatform.modalities.options import PER_RECORD_SYSTEM
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import (
    PIXELS,
    Ingested,
    describe_pixels,
    make_image,
    save,
)

Ingest = Callable[[], Ingested]


def test_an_image_becomes_an_instance_and_a_frame(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    image = make_image(StudyDate="20200131", InstanceNumber=3)
    save(image, folder / "ward" / "IM1")
    ingested = ingest()
    (instance,) = ingested.rows("instance")
    (frame,) = ingested.rows("frame")
    subject = identity.subject("urn:mrn", "MRN-1")
    assert instance["instance_id"] == identity.uid(image.SOPInstanceUID) == frame["instance_id"]
    assert instance["series_id"] == identity.uid(image.SeriesInstanceUID)
    assert instance["patient_id"] == subject.patient_id == frame["patient_id"]
    assert instance["study_at"] == subject.shift(datetime(2020, 1, 31, tzinfo=UTC))
    assert (instance["rows"], instance["columns"], instance["frames"]) == (3, 4, 1)
    assert instance["pixel_sha256"] == frame["pixel_sha256"]
    assert instance["source_id"] == ingested.delivery.sources[0].source_id
    assert np.array_equal(ingested.pixels(), PIXELS)
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}


@pytest.mark.parametrize(
    "pixels",
    [
        np.arange(12, dtype=np.uint8).reshape(3, 4),
        np.arange(-6, 6, dtype=np.int16).reshape(3, 4),
        np.arange(36, dtype=np.uint8).reshape(3, 4, 3),
        np.arange(12, dtype=np.uint32).reshape(3, 4) << 20,
    ],
    ids=["uint8", "int16", "rgb", "uint32"],
)
def test_pixels_keep_their_type_and_channels(
    pixels: np.ndarray, folder: Path, ingest: Ingest
) -> None:
    save(make_image(pixels), folder / "1.dcm")
    stored = ingest().pixels()
    assert stored.dtype == pixels.dtype
    assert np.array_equal(stored, pixels)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
    ],
    ids=lambda uid: uid.name,
)
def test_transfer_syntaxes_give_the_same_pixels(syntax: str, folder: Path, ingest: Ingest) -> None:
    image = make_image()
    if syntax == ExplicitVRBigEndian:
        image.PixelData = PIXELS.astype(">u2").tobytes()
        save(image, folder / "1.dcm", syntax, implicit_vr=False, little_endian=False)
    elif syntax == RLELossless:
        image.file_meta = None
        save(image, folder / "1.dcm")
        image.compress(RLELossless, generate_instance_uid=False)
        image.save_as(folder / "1.dcm")
    elif syntax == JPEG2000Lossless:
        import imagecodecs

        image.PixelData = encapsulate([imagecodecs.jpeg2k_encode(PIXELS, codecformat="j2k")])
        image["PixelData"].VR = "OB"
        image["PixelData"].is_undefined_length = True
        save(image, folder / "1.dcm", syntax)
    else:
        save(image, folder / "1.dcm", syntax)
    ingested = ingest()
    assert ingested.refusals() == {}
    assert np.array_equal(ingested.pixels(), PIXELS)
    assert ingested.rows("instance")[0]["transfer_syntax_uid"] == syntax


def test_frames_are_numbered_from_1_and_hashed_one_by_one(folder: Path, ingest: Ingest) -> None:
    frames = np.arange(36, dtype=np.uint8).reshape(3, 3, 4)
    image = make_image()
    describe_pixels(image, frames, frames=3)
    save(image, folder / "1.dcm")
    ingested = ingest()
    assert [row["frame_number"] for row in ingested.rows("frame")] == [1, 2, 3]
    assert len({row["pixel_sha256"] for row in ingested.rows("frame")}) == 3
    assert np.array_equal(ingested.pixels(2), frames[2])
    assert ingested.rows("instance")[0]["frames"] == 3


def test_palettes_become_the_colours_they_stand_for(folder: Path, ingest: Ingest) -> None:
    image = make_image(np.array([[0, 1], [1, 0]], np.uint8))
    image.PhotometricInterpretation = "PALETTE COLOR"
    for colour, values in {"Red": [0, 255], "Green": [10, 20], "Blue": [0, 0]}.items():
        setattr(image, f"{colour}PaletteColorLookupTableDescriptor", [2, 0, 8])
        setattr(image, f"{colour}PaletteColorLookupTableData", bytes(values))
    save(image, folder / "1.dcm")
    ingested = ingest()
    assert ingested.pixels()[0].tolist() == [[0, 10, 0], [255, 20, 0]]
    assert ingested.rows("instance")[0]["photometric"] == "RGB"


def test_an_object_without_pixels_has_an_instance_and_no_frame(
    folder: Path, ingest: Ingest
) -> None:
    report = make_image(SOPClassUID=BasicTextSRStorage, Modality="SR", PixelData=None)
    save(report, folder / "1.dcm")
    ingested = ingest()
    assert ingested.rows("instance")[0]["frames"] == 0
    assert ingested.rows("frame") == []


def test_a_data_set_without_preamble_and_meta_information_is_read(
    folder: Path, ingest: Ingest
) -> None:
    make_image().save_as(folder / "old", implicit_vr=True, little_endian=True)
    ingested = ingest()
    assert np.array_equal(ingested.pixels(), PIXELS)
    assert ingested.refusals("warning") == {"dicom.no_transfer_syntax": 1}


def test_a_term_that_is_not_defined_is_left_empty_with_a_warning(
    folder: Path, ingest: Ingest
) -> None:
    image = make_image(BodyPartExamined="JANE")
    save(image, folder / "1.dcm")
    ingested = ingest()
    assert ingested.refusals("warning") == {"dicom.unknown_term": 1}
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}


def _garbage(path: Path) -> None:
    path.write_bytes(b"GIF89a" + bytes(200))


def _empty(path: Path) -> None:
    path.touch()


def _no_uid(path: Path) -> None:
    save(make_image(SOPInstanceUID=None), path)


def _cut_header(path: Path) -> None:
    save(make_image(PatientComments="x" * 4000), path)
    path.write_bytes(path.read_bytes()[:900])


def _short_pixels(path: Path) -> None:
    save(make_image(Rows=4), path)


def _missing_frame(path: Path) -> None:
    image = make_image()
    save(image, path)
    image.compress(RLELossless, generate_instance_uid=False)
    image.NumberOfFrames = 2
    image.save_as(path)


def _no_bits(path: Path) -> None:
    save(make_image(BitsAllocated=None), path)


def _garbled_codestream(path: Path) -> None:
    image = make_image(PixelData=encapsulate([b"\xff\x4f\xff\x51" + bytes(100)]))
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    save(image, path, JPEG2000Lossless)


def _forged_size(path: Path) -> None:
    save(make_image(Rows=65535, Columns=65535, NumberOfFrames="999999"), path)


def _no_patient(path: Path) -> None:
    save(make_image(PatientID=""), path)


def _unknown_issuer(path: Path) -> None:
    save(make_image(IssuerOfPatientID="ELSEWHERE"), path)


def _cut_before_pixels(path: Path) -> None:
    save(make_image(), path)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"\xe0\x7f\x10\x00")])


@pytest.mark.parametrize(
    ("damage", "code", "element"),
    [
        (_garbage, "dicom.not_dicom", None),
        (_empty, "dicom.not_dicom", None),
        (_no_uid, "dicom.no_sop_instance_uid", "(0008,0018)"),
        (_cut_before_pixels, "pixels.missing", "(7FE0,0010)"),
        (_short_pixels, "pixels.truncated", "(7FE0,0010)"),
        (_missing_frame, "pixels.truncated", "(7FE0,0010)"),
        (_no_bits, "pixels.undescribed", "(0028,0100)"),
        (_garbled_codestream, "pixels.other_size", "(7FE0,0010)"),
        (_forged_size, "dicom.too_large", "(7FE0,0010)"),
        (_no_patient, "subject.missing", "(0010,0020)"),
        (_unknown_issuer, "subject.unknown_issuer", "(0010,0020)"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_and_the_others_are_read(
    damage: Callable[[Path], None],
    code: str,
    element: str | None,
    folder: Path,
    ingest: Ingest,
) -> None:
    damage(folder / "bad.dcm")
    save(make_image(), folder / "good.dcm")
    ingested = ingest()
    (refusal,) = ingested.stage.read("quarantine").to_pylist()
    assert (refusal["code"], refusal["element"]) == (code, element)
    assert refusal["file"] == f"{refusal['source_id']}.dcm"
    assert len(ingested.rows("instance")) == len(ingested.rows("frame")) == 1
    assert ingested.totals("instance") == {"delivered": 2, "accepted": 1, "quarantined": 1}


def test_a_file_that_ends_within_its_header_is_not_accepted_as_an_image(
    folder: Path, ingest: Ingest
) -> None:
    _cut_header(folder / "1.dcm")
    assert ingest().rows("frame") == []


def test_the_issuer_of_a_patient_id_chooses_its_identifier_system(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    save(make_image(IssuerOfPatientID="WARD"), folder / "1.dcm")
    assert ingest().rows("instance")[0]["patient_id"] == (
        identity.subject("urn:ward", "MRN-1").patient_id
    )


def test_an_image_of_a_public_set_that_names_nobody_is_of_its_study(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    (folder / "delivery.json").write_text('{"subjects": "per_record"}')
    for number, patient in enumerate((None, "", "MRN-1")):
        image = make_image(PatientID=patient, StudyInstanceUID="1.2.3")
        save(image, folder / f"{number}.dcm")
    assert {row["patient_id"] for row in ingest().rows("instance")} == {
        identity.subject(PER_RECORD_SYSTEM, "1.2.3").patient_id,
        identity.subject(None, "MRN-1").patient_id,
    }


def test_a_copy_is_refused_as_a_duplicate(folder: Path, ingest: Ingest) -> None:
    save(make_image(), folder / "1.dcm")
    (folder / "2.dcm").write_bytes((folder / "1.dcm").read_bytes())
    ingested = ingest()
    assert ingested.refusals() == {"record.duplicate": 1}
    assert ingested.totals("instance") == {"delivered": 2, "accepted": 1, "quarantined": 1}


def test_of_two_contents_under_one_uid_neither_is_read(folder: Path, ingest: Ingest) -> None:
    uid = generate_uid()
    save(make_image(SOPInstanceUID=uid), folder / "1.dcm")
    save(make_image(PIXELS + 1, SOPInstanceUID=uid), folder / "2.dcm", ImplicitVRLittleEndian)
    deflated = make_image(PIXELS + 2, SOPInstanceUID=uid)
    save(deflated, folder / "3.dcm", DeflatedExplicitVRLittleEndian)
    ingested = ingest()
    assert ingested.refusals() == {"record.conflict": 3}
    assert ingested.rows("instance") == []


def test_sidecars_stay_in_landing(folder: Path, ingest: Ingest) -> None:
    save(make_image(), folder / "1.dcm")
    for name in ("README", "DICOMDIR", "notes.txt", "manifest.json"):
        (folder / name).write_text("...")
    (folder / "other.csv").write_text("a,b\n1,2\n3,4\n")
    ingested = ingest()
    assert ingested.totals("file") == {"delivered": 5, "kept": 5}
    assert ingested.totals("label") == {"delivered": 2, "kept": 2}


def test_importing_the_modality_loads_no_reader() -> None:
    import subprocess
    import sys

    code = (
        "import sys, medplatform.modalities; "
        "sys.exit(bool({'pydicom', 'imagecodecs', 'PIL', 'highdicom'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert IMAGING.name == "imaging"

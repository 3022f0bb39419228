"""Label tables with boxes: several rows per image, each box an annotation with its class."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medplatform.modalities.delivery import DeliveryError
from medplatform.modalities.imaging.labels import check_labels
from medplatform.modalities.options import DeliveryOptions
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import Ingested, make_image, save, save_picture

Ingest = Callable[[], Ingested]

PIXELS = np.zeros((30, 40), np.uint8)
HEADER = "patientId,x,y,width,height,Target"


def declare(folder: Path, rows: str, header: str = HEADER, form: str = "size") -> None:
    """Write a label table as that of the RSNA pneumonia challenge, and what it takes to read it."""
    (folder / "labels.csv").write_text(f"{header}\n{rows}\n")
    options = DeliveryOptions(
        labels="labels.csv",
        label_file_column="patientId",
        label_patient_column="patientId",
        label_column="Target",
        label_box_columns=(*header.split(",")[1:5],),  # type: ignore[arg-type]
        label_box_form=form,  # type: ignore[arg-type]
    )
    (folder / "delivery.json").write_text(options.model_dump_json(exclude_unset=True))


def test_each_box_is_an_annotation_of_its_image(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    save_picture(folder / "P1.png", PIXELS)
    save_picture(folder / "P2.png", PIXELS + 1)
    declare(folder, "P1,1,2,10,20,1\nP1,20.5,4,8,8,1\nP2,,,,,0")
    ingested = ingest()
    first, second = sorted(ingested.rows("annotation"), key=lambda row: row["points"])
    assert (first["points"], second["points"]) == ([1, 2, 11, 22], [20.5, 4, 28.5, 12])
    for row in (first, second):
        assert (row["annotation_type"], row["geometric_type"]) == ("label", "BOX")
        assert (row["coordinate_system"], row["frame_number"], row["label"]) == ("frame", 1, "1")
        assert row["patient_id"] == identity.subject(None, "P1").patient_id
    by_patient = {row["patient_id"]: row for row in ingested.rows("instance")}
    one, other = (by_patient[identity.subject(None, p).patient_id] for p in ("P1", "P2"))
    assert first["instance_id"] == second["instance_id"] == one["instance_id"]
    assert (one["label"], other["label"]) == ("1", "0")
    assert ingested.totals("label") == {"delivered": 3, "accepted": 3}


def test_a_row_of_an_annotation_is_that_of_its_table(folder: Path, ingest: Ingest) -> None:
    save_picture(folder / "P1.png", PIXELS)
    declare(folder, "P1,1,2,10,20,1\nP1,3,4,5,6,1")
    ingested = ingest()
    (table,) = (s for s in ingested.delivery.sources if s.path.name == "labels.csv")
    lineage = {(row["source_id"], row["record_number"]) for row in ingested.rows("annotation")}
    assert lineage == {(table.source_id, 1), (table.source_id, 2)}


def test_corners_are_taken_as_they_are(folder: Path, ingest: Ingest) -> None:
    save_picture(folder / "P1.png", PIXELS)
    declare(folder, "P1,1,2,11,22,1", "patientId,xmin,ymin,xmax,ymax,Target", "corners")
    assert [row["points"] for row in ingest().rows("annotation")] == [[1, 2, 11, 22]]


def test_boxes_of_different_classes_leave_the_class_of_their_image_open(
    folder: Path, ingest: Ingest
) -> None:
    save_picture(folder / "P1.png", PIXELS)
    declare(folder, "P1,1,2,10,20,mass\nP1,3,4,5,6,cyst")
    ingested = ingest()
    assert {row["label"] for row in ingested.rows("annotation")} == {"mass", "cyst"}
    assert [row["label"] for row in ingested.rows("instance")] == [None]


def test_boxes_belong_to_dicom_images_too(folder: Path, ingest: Ingest, identity: Identity) -> None:
    image = make_image(PIXELS.astype(np.uint16))
    save(image, folder / "stage_2" / "P1.dcm")
    declare(folder, "P1,1,2,10,20,1")
    ingested = ingest()
    (row,) = ingested.rows("annotation")
    assert row["instance_id"] == identity.uid(image.SOPInstanceUID)
    assert row["patient_id"] == identity.subject(None, "MRN-1").patient_id
    assert [row["label"] for row in ingested.rows("instance")] == ["1"]
    assert ingested.totals("label") == {"delivered": 1, "accepted": 1}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("P1,1,2,,20,1", "label.bad_box"),
        ("P1,1,2,0,20,1", "label.bad_box"),
        ("P1,1,2,-5,20,1", "label.bad_box"),
        ("P1,1,two,5,20,1", "label.bad_box"),
        ("P1,nan,2,5,20,1", "label.bad_box"),
        ("P1,40,2,5,20,1", "label.box_outside"),
        ("P1,1,-30,5,20,1", "label.box_outside"),
        ("P1,9,9,9,9,1", "record.duplicate"),
        ("P2,1,2,5,20,1", "label.no_image"),
        ("P1,,,,,1", "record.conflict"),
    ],
)
def test_a_row_whose_box_cannot_be_used_is_refused(
    row: str, code: str, folder: Path, ingest: Ingest
) -> None:
    save_picture(folder / "P1.png", PIXELS)
    declare(folder, f"P1,9,9,9,9,1\n{row}")
    ingested = ingest()
    assert code in ingested.refusals()
    assert ingested.totals("label")["delivered"] == 2
    if code != "record.conflict":
        assert [row["points"] for row in ingested.rows("annotation")] == [[9, 9, 18, 18]]


def test_a_box_that_reaches_beyond_the_edge_is_kept_with_a_remark(
    folder: Path, ingest: Ingest
) -> None:
    save_picture(folder / "P1.png", PIXELS)
    declare(folder, "P1,35,25,10,10,1")
    ingested = ingest()
    assert [row["points"] for row in ingested.rows("annotation")] == [[35, 25, 45, 35]]
    assert ingested.refusals("warning") == {"label.box_beyond": 1}


def test_a_table_that_lacks_a_column_of_a_box_is_refused_before_it_is_copied(
    tmp_path: Path,
) -> None:
    (tmp_path / "labels.csv").write_text("file,x,y,width\n")
    options = DeliveryOptions(labels="labels.csv", label_box_columns=("x", "y", "width", "height"))
    with pytest.raises(DeliveryError, match="height"):
        check_labels(tmp_path, options)

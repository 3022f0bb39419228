"""Structured reports: measurements with their context, regions, evaluations and key images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, Sequence
from pydicom.uid import CTImageStorage, SegmentationStorage, generate_uid

from medplatform.modalities.imaging.annotation.objects import read_annotations
from medplatform.modalities.imaging.records import Annotation
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import Ingested, make_image, save

Ingest = Callable[[], Ingested]

COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
IMAGE, SERIES, SEGMENTATION = "1.2.3.1", "1.2.3.2", "1.2.3.4"

DIAMETER = ("81827009", "SCT", "Diameter")
FINDING = ("121071", "DCM", "Finding")
SITE = ("363698007", "SCT", "Finding Site")
REGION = ("111030", "DCM", "Image Region")
NODULE = ("27925004", "SCT", "Nodule")
LUNG = ("39607008", "SCT", "Lung")
PRIVATE = ("X1", "99DOE", "size of Jane Doe")


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def content(
    kind: str, name: tuple[str, str, str] | None, *children: Dataset, **elements: Any
) -> Dataset:
    """A content item; `relation` is CONTAINS unless given."""
    item = Dataset()
    item.RelationshipType = elements.pop("relation", "CONTAINS")
    item.ValueType = kind
    if name:
        item.ConceptNameCodeSequence = Sequence([coded(*name)])
    if children:
        item.ContentSequence = Sequence(children)
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def number(
    value: str | None,
    unit: str = "mm",
    *children: Dataset,
    name: tuple[str, str, str] = DIAMETER,
    scheme: str = "UCUM",
) -> Dataset:
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = Sequence([coded(unit, scheme, "unit")])
    values = Sequence([measured] if value is not None else [])
    return content("NUM", name, *children, MeasuredValueSequence=values)


def answer(name: tuple[str, str, str], value: tuple[str, str, str], **elements: Any) -> Dataset:
    return content("CODE", name, ConceptCodeSequence=Sequence([coded(*value)]), **elements)


def image(uid: str = IMAGE, **elements: Any) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = CTImageStorage
    reference.ReferencedSOPInstanceUID = uid
    for keyword, value in elements.items():
        setattr(reference, keyword, value)
    return content("IMAGE", None, ReferencedSOPSequence=Sequence([reference]))


def shape(points: list[float], graphic: str = "POLYLINE", *children: Dataset) -> Dataset:
    kind = "SCOORD3D" if graphic in ("ELLIPSOID", "POINT") else "SCOORD"
    item = content(kind, REGION, *children, GraphicData=points, GraphicType=graphic)
    if kind == "SCOORD3D":
        item.ReferencedFrameOfReferenceUID = "1.2.3.3"
    return item


def make_report(*children: Dataset, class_uid: str = COMPREHENSIVE_3D_SR) -> Dataset:
    """A report of patient MRN-1 on one image and one segmentation."""
    dataset = make_image(SOPClassUID=class_uid, Modality="SR")
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(dataset, keyword)
    dataset.ContentDate, dataset.ContentTime = "20240501", "101500"
    dataset.ValueType = "CONTAINER"
    dataset.ConceptNameCodeSequence = Sequence(
        [coded("126000", "DCM", "Imaging Measurement Report")]
    )
    dataset.ContentSequence = Sequence(children)
    evidence, study = Dataset(), Dataset()
    evidence.SeriesInstanceUID = SERIES
    evidence.ReferencedSOPSequence = Sequence([])
    for uid, kind in ((IMAGE, CTImageStorage), (SEGMENTATION, SegmentationStorage)):
        item = Dataset()
        item.ReferencedSOPInstanceUID, item.ReferencedSOPClassUID = uid, kind
        evidence.ReferencedSOPSequence.append(item)
    study.ReferencedSeriesSequence = Sequence([evidence])
    dataset.CurrentRequestedProcedureEvidenceSequence = Sequence([study])
    return dataset


def group(*children: Dataset) -> Dataset:
    return content("CONTAINER", ("125007", "DCM", "Measurement Group"), *children)


def annotations_of(*children: Dataset) -> tuple[list[Annotation], set[str]]:
    """Annotations of a report, and the codes of the remarks."""
    dataset = make_report(*children)
    annotations, problems = read_annotations(dataset, dataset.SOPClassUID)
    return annotations, {problem.code for problem in problems}


def test_a_measurement_becomes_a_row_with_all_that_its_group_says(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    tracking = generate_uid()
    report = make_report(
        group(
            content("UIDREF", ("112040", "DCM", "Tracking Unique Identifier"), UID=tracking),
            content("TEXT", ("112039", "DCM", "Tracking Identifier"), TextValue="Jane Doe 1"),
            answer(FINDING, NODULE),
            answer(SITE, LUNG, relation="HAS CONCEPT MOD"),
            shape([1.5, 2.5, 4.5, 6.5], "POLYLINE", image(ReferencedFrameNumber=2)),
            number("12.50"),
        )
    )
    save(report, folder / "sr.dcm")
    ingested = ingest()
    region, measurement = ingested.rows("annotation")
    assert (region["annotation_type"], measurement["annotation_type"]) == ("region", "measurement")
    assert (measurement["code"], measurement["meaning"]) == ("SCT:81827009", "Diameter")
    assert (measurement["value_number"], measurement["value_text"]) == (12.5, "12.50")
    assert measurement["unit"] == "mm"
    assert (measurement["finding_code"], measurement["site_code"]) == (
        "SCT:27925004",
        "SCT:39607008",
    )
    assert measurement["tracking_id"] == identity.uid(tracking)
    assert measurement["instance_id"] == identity.uid(IMAGE)
    assert measurement["frame_number"] == 2
    assert measurement["series_id"] == identity.uid(SERIES)
    for row in (region, measurement):
        assert (row["geometric_type"], row["coordinate_system"]) == ("POLYLINE", "frame")
        assert (row["points"], row["point_count"]) == ([1.5, 2.5, 4.5, 6.5], 2)
        assert row["group_number"] == 1
        assert row["object_id"] == identity.uid(report.SOPInstanceUID)
    assert "Doe" not in str(ingested.rows("annotation"))
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}


def test_groups_keep_what_they_say_to_themselves() -> None:
    annotations, _ = annotations_of(
        group(answer(FINDING, NODULE), number("1")), group(number("2"), number("3"))
    )
    assert [a.columns["group_number"] for a in annotations] == [1, 2, 2]
    assert [a.columns.get("finding_code") for a in annotations] == ["SCT:27925004", None, None]


def test_a_measured_segment_names_its_segmentation_and_its_image() -> None:
    annotations, _ = annotations_of(
        group(image(SEGMENTATION, ReferencedSegmentNumber=3), image(), number("4.5", "cm3"))
    )
    (measurement,) = annotations
    assert measurement.segmentation_uid == SEGMENTATION
    assert measurement.columns["segment_number"] == 3
    assert measurement.instance_uid == IMAGE


def test_a_measurement_over_several_regions_has_none_of_its_own() -> None:
    annotations, _ = annotations_of(
        group(shape([1, 1], "MULTIPOINT"), shape([2, 2], "MULTIPOINT"), number("2"))
    )
    assert [a.annotation_type for a in annotations] == ["region", "region", "measurement"]
    assert "points" not in annotations[2].columns


def test_a_region_that_a_measurement_was_inferred_from_is_its_region() -> None:
    annotations, _ = annotations_of(
        group(number("2", "mm", shape([0, 0, 3, 4], "POLYLINE", image())), number("9"))
    )
    first, region, second = annotations
    assert (first.annotation_type, region.annotation_type) == ("measurement", "region")
    assert first.columns["points"] == region.columns["points"] == [0, 0, 3, 4]
    assert "points" not in second.columns


def test_a_region_by_reference_counts_where_it_is_referred_to() -> None:
    reference = Dataset()
    reference.RelationshipType = "INFERRED FROM"
    reference.ReferencedContentItemIdentifier = [1, 1, 1]
    annotations, _ = annotations_of(
        group(shape([0, 0, 3, 4], "POLYLINE", image())), group(number("2", "mm", reference))
    )
    assert [a.annotation_type for a in annotations] == ["region", "measurement"]
    assert annotations[1].columns["points"] == [0, 0, 3, 4]
    assert annotations[1].instance_uid == IMAGE


@pytest.mark.parametrize("path", [[1], [1, 1], [1, 1, 1], [1, 99], [1, 0]])
def test_references_in_a_circle_or_to_nothing_come_to_an_end(path: list[int]) -> None:
    reference = Dataset()
    reference.RelationshipType = "CONTAINS"
    reference.ReferencedContentItemIdentifier = path
    annotations, _ = annotations_of(group(reference, number("2")))
    assert [a.annotation_type for a in annotations] == ["measurement"]


def test_shapes_in_space_are_in_mm_of_their_frame_of_reference() -> None:
    (region,), _ = annotations_of(shape([1, 2, 3], "POINT"))
    assert region.columns["coordinate_system"] == "patient"
    assert region.columns["point_count"] == 1
    assert region.frame_of_reference_uid == "1.2.3.3"


def test_an_evaluation_keeps_its_question_and_its_answer() -> None:
    question = ("RID50149", "RADLEX", "Nodule margin")
    (evaluation,), _ = annotations_of(group(answer(question, ("RID5711", "RADLEX", "Spiculated"))))
    assert evaluation.annotation_type == "evaluation"
    assert evaluation.columns["code"] == "RADLEX:RID50149"
    assert evaluation.columns["value_code"] == "RADLEX:RID5711"


def test_a_private_concept_is_left_empty_with_a_remark_and_its_number_kept() -> None:
    (measurement,), problems = annotations_of(number("3", "furlong", name=PRIVATE, scheme="99DOE"))
    assert (measurement.columns["code"], measurement.columns["unit"]) == (None, None)
    assert measurement.columns["value_number"] == 3
    assert problems == {"annotation.private_code"}


def test_what_a_sender_calls_a_public_concept_is_not_kept() -> None:
    (measurement,), _ = annotations_of(number("3", name=(*DIAMETER[:2], "nodule of Jane Doe")))
    assert "Doe" not in str(measurement)
    assert measurement.columns["code"] == "SCT:81827009"


def test_a_measurement_without_a_value_says_why() -> None:
    item = number(None)
    item.NumericValueQualifierCodeSequence = Sequence([coded("114009", "DCM", "Value unknown")])
    (measurement,), _ = annotations_of(item)
    assert measurement.columns["value_code"] == "DCM:114009"
    assert "value_number" not in measurement.columns


def test_the_exact_number_goes_before_the_decimal_one() -> None:
    item = number("0.333")
    item.MeasuredValueSequence[0].FloatingPointValue = 1 / 3
    (measurement,), _ = annotations_of(item)
    assert (measurement.columns["value_number"], measurement.columns["value_text"]) == (
        1 / 3,
        "0.333",
    )


def test_texts_names_and_dates_of_the_content_are_left_out() -> None:
    annotations, _ = annotations_of(
        content("TEXT", FINDING, TextValue="Jane Doe has a nodule"),
        content("PNAME", ("121008", "DCM", "Person Observer Name"), PersonName="Doe^Jane"),
        content("DATE", ("111060", "DCM", "Study Date"), Date="20240501"),
    )
    assert annotations == []


def test_whoever_observed_is_the_source() -> None:
    observer = ("121005", "DCM", "Observer Type")
    for kind, source in ((("121006", "DCM", "Person"), "manual"), (None, None)):
        items = [answer(observer, kind, relation="HAS OBS CONTEXT")] if kind else []
        (measurement,), _ = annotations_of(*items, number("1"))
        assert measurement.columns["source"] == source


def test_a_key_object_selection_marks_its_images(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    title = coded("113000", "DCM", "Of Interest")
    selection = make_report(image(), image("1.2.3.8"), class_uid=KEY_OBJECT_SELECTION)
    selection.ConceptNameCodeSequence = Sequence([title])
    save(selection, folder / "ko.dcm")
    first, second = ingest().rows("annotation")
    assert first["annotation_type"] == second["annotation_type"] == "key_image"
    assert (first["code"], first["meaning"]) == ("DCM:113000", "Of Interest")
    assert [first["instance_id"], second["instance_id"]] == [
        identity.uid(IMAGE),
        identity.uid("1.2.3.8"),
    ]


def test_content_that_is_deeper_than_any_report_is_cut_with_a_remark() -> None:
    item = number("1")
    for _ in range(80):
        item = group(item)
    annotations, problems = annotations_of(item)
    assert (annotations, problems) == ([], {"dicom.bad_value"})

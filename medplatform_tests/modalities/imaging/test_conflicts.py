"""What stands behind a SOP Instance UID is one object, whatever is delivered under it later."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian, generate_uid

from medplatform.modalities.imaging.frames import read_frame
from medplatform.modalities.imaging.tables import IMAGING_INSTANCE
from medplatform_tests.modalities.imaging.conftest import PIXELS, Ingested, make_image, save
from medplatform_tests.volumes.hospital import Hospital, make_series


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path)


def with_other_pixels(image: Dataset) -> Dataset:
    other = deepcopy(image)
    other.PixelData = bytes(len(image.PixelData))
    return other


def in_another_series(image: Dataset) -> Dataset:
    other = deepcopy(image)
    other.SeriesInstanceUID = generate_uid()
    return other


def read_pixels(hospital: Hospital, image: Dataset) -> np.ndarray:
    return read_frame(hospital.lake, id_of(hospital, image.SOPInstanceUID))


def id_of(hospital: Hospital, uid: str) -> str:
    """What the lake calls an object or series."""
    return hospital.installation.identity.uid(uid)


@pytest.mark.parametrize(
    ("change", "later"),
    [(with_other_pixels, "a"), (with_other_pixels, "z"), (in_another_series, "a")],
)
def test_an_image_of_an_earlier_delivery_stays(
    hospital: Hospital, change: Callable[[Dataset], Dataset], later: str
) -> None:
    image = make_image()
    hospital.deliver("m", [image])
    hospital.deliver(later, [change(image), make_image()])
    rows = hospital.lake.scan(IMAGING_INSTANCE, ["instance_id", "delivery"]).collect()
    assert sorted(rows["delivery"]) == sorted(["m", later])
    assert rows["instance_id"].n_unique() == 2
    assert np.array_equal(read_pixels(hospital, image), PIXELS)
    (refused,) = hospital.lake.quarantine("imaging").to_dicts()
    assert (refused["code"], refused["delivery"]) == ("record.conflict", later)
    assert "An earlier delivery" in refused["reason"]
    assert refused["record_id"] == id_of(hospital, image.SOPInstanceUID)


def test_an_image_that_comes_again_in_another_delivery_is_taken(hospital: Hospital) -> None:
    image = make_image()
    hospital.deliver("a", [image])
    again = deepcopy(image)
    again.PatientComments = "sent by another system, as another file"
    hospital.deliver("b", [again])
    assert hospital.lake.rows(IMAGING_INSTANCE.name) == 2
    assert hospital.lake.quarantine("imaging").is_empty()


def test_a_delivery_that_is_read_again_does_not_conflict_with_itself(hospital: Hospital) -> None:
    image = make_image()
    right = with_other_pixels(image)
    hospital.deliver("a", [image])
    hospital.deliver("b", [right])
    hospital.deliver("a", [right])
    hospital.deliver("b", [right])
    assert hospital.lake.quarantine("imaging").is_empty()
    assert not read_pixels(hospital, image).any()


def test_the_series_of_a_slice_with_two_contents_is_not_whole(hospital: Hospital) -> None:
    slices = make_series(np.zeros((6, 4, 5), np.uint16))
    twin = deepcopy(slices[-1])
    twin.WindowCenter = "1"
    hospital.deliver("a", [*slices, twin])
    assembly = hospital.assemble()
    assert assembly.series["refused_images"].to_list() == [1]
    assert assembly.volumes["faults"].to_list() == [["refused"]]
    refused = hospital.lake.quarantine("imaging")
    assert refused["record_id"].unique().to_list() == [id_of(hospital, twin.SOPInstanceUID)]
    assert refused["part_of"].unique().to_list() == [id_of(hospital, twin.SeriesInstanceUID)]


def test_a_series_lacks_a_slice_that_an_earlier_delivery_holds_in_another(
    hospital: Hospital,
) -> None:
    taken, *slices = make_series(np.zeros((3, 4, 5), np.uint16))
    hospital.deliver("a", [in_another_series(taken)])
    hospital.deliver("b", [taken, *slices])
    series = hospital.assemble().series.sort("instances")
    assert series["refused_images"].to_list() == [0, 1]


def test_uids_out_of_order_are_known_before_either_file_is_read(
    folder: Path, ingest: Callable[[], Ingested]
) -> None:
    image = make_image()
    for number, other in enumerate((image, with_other_pixels(image))):
        path = save(other, folder / f"{number}.dcm", ImplicitVRLittleEndian)
        move_to_the_end(path, b"\x08\0\x18\0")
    ingested = ingest()
    assert ingested.refusals() == {"record.conflict": 2}
    assert ingested.stage.tables() == []


def test_a_file_that_names_two_objects_is_refused(
    folder: Path, ingest: Callable[[], Ingested]
) -> None:
    image, other = make_image(), make_image()
    path = save(image, folder / "1.dcm")
    save(other, folder / "2.dcm")
    uid = other.SOPInstanceUID.encode() + b"\0" * (len(other.SOPInstanceUID) % 2)
    path.write_bytes(path.read_bytes() + b"\x08\0\x18\0UI" + len(uid).to_bytes(2, "little") + uid)
    ingested = ingest()
    assert ingested.refusals() == {"dicom.unreadable": 1}
    assert len(ingested.rows("instance")) == 1


def move_to_the_end(path: Path, tag: bytes) -> None:
    """Move an element behind all others, in Implicit VR Little Endian."""
    content = path.read_bytes()
    start = content.index(tag)
    end = start + 8 + int.from_bytes(content[start + 4 : start + 8], "little")
    path.write_bytes(content[:start] + content[end:] + content[start:end])

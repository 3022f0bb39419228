"""Public data: the test files of other DICOM libraries, and a public segmentation set."""

import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.errors import InvalidDicomError

from medplatform.modalities.imaging.codec import decode, pixel_bytes
from medplatform.modalities.imaging.errors import READ_ERRORS
from medplatform.modalities.imaging.isolation import Opened, ReadingProcess
from medplatform.modalities.imaging.records import FrameCell, MaskCell
from medplatform_tests.modalities.imaging.conftest import Ingested

DATA = Path(os.environ.get("MEDPLATFORM_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
PEER, SERIES, NUCLEI = DATA / "dicom" / "peer", DATA / "dicom" / "series", DATA / "seg" / "dsb2018"

pytestmark = [
    pytest.mark.real,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        not (PEER.is_dir() and NUCLEI.is_dir()), reason=f"no public imaging data in {DATA}"
    ),
]

Ingest = Callable[[], Ingested]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_folder_of_awkward_files_is_accounted_for_to_the_last(
    folder: Path, ingest: Ingest
) -> None:
    files = [path for path in _files(PEER) if path.stat().st_size < 200_000]
    for number, path in enumerate(files):
        (folder / f"{number:04d}").symlink_to(path)
    ingested = ingest()
    totals = ingested.totals("instance")
    assert totals["delivered"] == totals["accepted"] + totals["quarantined"]
    assert totals["delivered"] + ingested.totals("file").get("delivered", 0) == len(files)
    assert totals["accepted"] == len(ingested.rows("instance")) > 0
    assert not ingested.refusals().keys() & {"dicom.crashed", "dicom.timeout"}


def test_pixels_are_those_of_pydicom(process: ReadingProcess) -> None:
    compared = 0
    for path in _files(PEER)[::3]:
        expected = _pixel_array(path)
        if expected is None:
            continue
        opened = process.read("dicom", path)
        assert isinstance(opened, Opened), path.name
        cells = list(opened.cells)
        if any(isinstance(cell, MaskCell) for cell in cells):
            continue
        assert _sha256(expected) == opened.header.columns["pixel_sha256"], path.name
        stored = [_decode(cell) for cell in cells if isinstance(cell, FrameCell)]
        assert np.array_equal(np.squeeze(np.stack(stored)), np.squeeze(expected)), path.name
        compared += 1
    assert compared > 30


def test_a_series_of_ct_slices_comes_in_whole(folder: Path, ingest: Ingest) -> None:
    slices = _files(SERIES / "ct_ge")
    for path in slices:
        (folder / path.name).symlink_to(path)
    ingested = ingest()
    rows = ingested.rows("instance")
    assert len(rows) == len(ingested.rows("frame")) == len(slices)
    assert len({row["series_id"] for row in rows}) == 1
    assert {row["modality"] for row in rows} == {"CT"}
    assert all(row["pixel_spacing_row_mm"] and row["image_position_mm"] for row in rows)


def test_segmentations_of_other_libraries_become_masks(process: ReadingProcess) -> None:
    path = PEER / "highdicom" / "data" / "test_files" / "seg_image_ct_binary_overlap.dcm"
    opened = process.read("dicom", path)
    assert isinstance(opened, Opened)
    masks = [cell for cell in opened.cells if isinstance(cell, MaskCell)]
    expected = pydicom.dcmread(path)
    assert len(masks) == expected.NumberOfFrames
    for mask, frame, group in zip(
        masks, expected.pixel_array, expected.PerFrameFunctionalGroupsSequence, strict=True
    ):
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert mask.source_uid == source.ReferencedSOPInstanceUID
        assert mask.foreground_pixels == int(frame.sum())


def test_images_and_masks_of_nuclei_come_in_pairs(folder: Path, ingest: Ingest) -> None:
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
        for path in _files(NUCLEI / kind)[:20]:
            (folder / kind / path.name).symlink_to(path)
    (folder / "delivery.json").write_text('{"subjects": "per_record", "image_modality": "SM"}')
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 20, "accepted": 20}
    assert ingested.totals("mask") == {"delivered": 20, "accepted": 20}
    assert {row["instance_id"] for row in ingested.rows("mask")} == {
        row["instance_id"] for row in ingested.rows("frame")
    }
    assert all(row["foreground_pixels"] > 0 for row in ingested.rows("mask"))


def _pixel_array(path: Path) -> np.ndarray | None:
    """What pydicom decodes of a file, None where it decodes nothing.

    Files without a UID are refused, and palettes, which pydicom does not apply here, are stored
    as colours.
    """
    with warnings.catch_warnings(action="ignore"):
        try:
            dataset = pydicom.dcmread(path)
            if not dataset.SOPInstanceUID or dataset.PhotometricInterpretation == "PALETTE COLOR":
                return None
            return dataset.pixel_array
        except (*READ_ERRORS, InvalidDicomError):
            return None


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(pixel_bytes(array)).hexdigest()


def _decode(cell: FrameCell) -> np.ndarray:
    shape = (cell.height, cell.width, *([cell.channels] if cell.channels > 1 else []))
    return decode(cell.codec, cell.pixels, dtype=cell.dtype, shape=shape)

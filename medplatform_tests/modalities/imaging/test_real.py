"""Public data: the test files of other DICOM libraries, and a public segmentation set."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from pydicom import FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_color_lut

from medplatform.modalities.imaging.decode import decode_frames
from medplatform.modalities.imaging.description import settle_description, settle_transfer_syntax
from medplatform.modalities.imaging.errors import READ_ERRORS, Unusable
from medplatform.modalities.imaging.isolation import Opened, ReadingProcess
from medplatform.modalities.imaging.opening import open_dataset
from medplatform.modalities.imaging.pixel_data import has_pixels
from medplatform.modalities.imaging.records import Header, Limits, MaskCell
from medplatform_tests.modalities.imaging.conftest import Ingested
from medplatform_tests.public_data import PUBLIC_DATA

PEER, SERIES, NUCLEI = (
    PUBLIC_DATA / "dicom" / "peer",
    PUBLIC_DATA / "dicom" / "series",
    PUBLIC_DATA / "seg" / "dsb2018",
)

PYDICOM = Path(pydicom.data.__file__).parent / "test_files"
"""Test files that come with pydicom."""


def _files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


CORPUS = _files(PEER, SERIES, PYDICOM)

pytestmark = [
    pytest.mark.real,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        not (PEER.is_dir() and NUCLEI.is_dir()), reason=f"no public imaging data in {PUBLIC_DATA}"
    ),
]

Ingest = Callable[[], Ingested]


REFUSED = {
    "GH1146.dcm": "pixels.missing",  # an element without a value
    "GH1376.dcm": "pixels.truncated",
    "JPEG2000-embedded-sequence-delimiter.dcm": "pixels.other_size",  # 4 thousand million columns
    "MR_truncated.dcm": "pixels.truncated",
    "genFile.dcm": "pixels.undecodable",  # named JPEG, but nothing is compressed
    "meta_missing_tsyntax.dcm": "pixels.undescribed",
    "multiframe.dcm": "pixels.other_size",  # tiles that were cut at the edges
    "nested_priv_SQ.dcm": "pixels.undescribed",
}
"""Of all files with pixels, those that no decoder reads."""


def test_every_file_becomes_an_image_or_is_refused_with_a_reason(
    folder: Path, ingest: Ingest
) -> None:
    files = [path for path in CORPUS if path.suffix not in {".py", ".txt", ".md"}]
    for number, path in enumerate(files):
        (folder / f"{number:04d}{path.suffix}").symlink_to(path)
    ingested = ingest()
    totals = ingested.totals("instance")
    assert totals["delivered"] == totals["accepted"] + totals["quarantined"]
    assert totals["accepted"] == len(ingested.rows("instance")) > 200
    assert not ingested.refusals().keys() & {"dicom.crashed", "dicom.timeout"}
    told = {row["source_id"] for row in ingested.rows("instance")}
    told |= {row["source_id"] for row in ingested.stage.read("quarantine").to_pylist()}
    kept = {source_id for (source_id, _), counts in ingested.stage.counts.items() if counts.kept}
    assert told | kept == {source.source_id for source in ingested.delivery.sources}


def test_pixels_are_those_of_pydicom_and_some_more() -> None:
    same, more, refused = 0, 0, {}
    for path in CORPUS:
        dataset = _open(path)
        if dataset is None:
            continue
        expected = _pixel_array(path)
        try:
            found = _decode(dataset)
        except Unusable as error:
            assert expected is None, path.name
            refused[path.name] = error.failure.code
            continue
        if expected is None:
            more += 1
            continue
        assert np.array_equal(np.squeeze(found), np.squeeze(expected)), path.name
        same += 1
    assert refused.items() <= REFUSED.items()
    assert same > 200
    assert more > 5


def test_frames_that_only_we_decode_are_right() -> None:
    folder = PEER / "pydicom-data" / "data_store" / "data"
    deflated, run_lengths = (
        _decode(_open(folder / f"liver_nonbyte_aligned_{how}.dcm")) for how in ("deflate", "rle")
    )
    assert np.array_equal(deflated, run_lengths)
    folder = PEER / "cswil" / "examples" / "test-images"
    spectral, progressive, extended = (
        _decode(_open(next(folder.glob(f"*JPEGProcess{process}TransferSyntax*"))))
        for process in ("6_8", "10_12", "2_4")
    )
    assert np.array_equal(spectral, progressive)
    assert np.abs(spectral.astype(int) - extended).max() <= 1  # decoded by another library


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
    """What pydicom decodes of a file, None where it decodes nothing."""
    try:
        dataset = pydicom.dcmread(path, force=True)
        pixels = dataset.pixel_array
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            pixels = apply_color_lut(pixels, dataset)
    except (*READ_ERRORS, InvalidDicomError):
        return None
    return pixels


def _open(path: Path) -> FileDataset | None:
    """A data set that has pixels; None where it has not, or where it cannot be parsed."""
    try:
        dataset = open_dataset(path, Limits())
    except Unusable:
        return None
    return dataset if has_pixels(dataset) else None


def _decode(dataset: FileDataset | None) -> np.ndarray:
    """All frames as the platform decodes them."""
    assert dataset is not None
    settle_transfer_syntax(dataset, Header())
    settle_description(dataset, Header())
    return np.stack([array for array, _ in decode_frames(dataset)])

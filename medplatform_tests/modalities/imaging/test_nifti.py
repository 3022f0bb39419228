"""NIfTI: voxels as they are stored, slices where they lie in the patient, and nothing typed."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import polars as pl
import pytest

from medplatform.modalities.imaging.codec import decode
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.nifti.reading import read_label_map, read_volume
from medplatform.modalities.imaging.nifti.volume import describe_volume
from medplatform.modalities.imaging.records import FrameCell, Limits, MaskCell, Reading
from medplatform.privacy import Identity
from medplatform.volumes import Images, assemble
from medplatform.volumes.planes import FRAME_COLUMNS, INSTANCE_COLUMNS
from medplatform_tests.modalities.imaging.conftest import Ingested

Ingest = Callable[[], Ingested]

AFFINE = np.array([[-2.0, 0, 0, 90], [0, 3.0, 0, -126], [0, 0, 4.0, -72], [0, 0, 0, 1]])
"""Columns run to the left, rows to the front, slices up, as most scanners write them."""
SHAPE = (4, 5, 3)
VOXELS = np.arange(60, dtype=np.int16).reshape(SHAPE)
TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def save(
    path: Path,
    voxels: np.ndarray = VOXELS,
    affine: np.ndarray | None = AFFINE,
    edit: Callable[[nibabel.Nifti1Header], Any] | None = None,
    kind: type[nibabel.Nifti1Image] = nibabel.Nifti1Image,
) -> Path:
    """Write a NIfTI file; `edit` changes its header, behind nibabel's checks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = kind(voxels, affine, dtype=voxels.dtype)
    content = bytearray(image.to_bytes())
    if edit:
        header = kind.header_class(bytes(content[: image.header.sizeof_hdr]), check=False)
        edit(header)
        content[: len(header.binaryblock)] = header.binaryblock
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else bytes(content))
    return path


def stored(reading: Reading, shape: tuple[int, ...]) -> np.ndarray:
    """The voxels of a reading in the shape of its file."""
    frames = []
    for cell in reading.cells:
        assert isinstance(cell, FrameCell)
        size = (cell.height, cell.width, *([cell.channels] if cell.channels > 1 else []))
        frames.append(decode(cell.codec, cell.pixels, dtype=cell.dtype, shape=size))
    stack = np.stack(frames, axis=2).swapaxes(0, 1)
    return stack.reshape(shape, order="F") if stack.ndim == 3 else stack


def codes(reading: Reading) -> set[str]:
    return {problem.code for problem in reading.header.problems}


@pytest.fixture
def per_record(folder: Path) -> None:
    (folder / "delivery.json").write_text('{"subjects": "per_record", "image_modality": "MR"}')


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_volume_becomes_an_instance_with_a_frame_per_slice(
    folder: Path, ingest: Ingest, identity: Identity, per_record: None, suffix: str
) -> None:
    save(folder / f"a{suffix}")
    ingested = ingest()
    (instance,) = ingested.rows("instance")
    assert (instance["rows"], instance["columns"], instance["frames"]) == (5, 4, 3)
    assert (instance["modality"], instance["sop_class_uid"]) == ("MR", None)
    assert instance["patient_id"] == identity.subject("urn:medplatform:per-record", "a").patient_id
    frames = ingested.rows("frame")
    assert [frame["frame_number"] for frame in frames] == [1, 2, 3]
    for index in range(3):
        assert np.array_equal(ingested.pixels(index), VOXELS[:, :, index].T)
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}


def test_slices_lie_where_they_lie_in_dicom(folder: Path, ingest: Ingest, per_record: None) -> None:
    save(folder / "a.nii")
    ingested = ingest()
    positions = [frame["image_position_mm"] for frame in ingested.rows("frame")]
    assert positions == [[-90.0, 126.0, z] for z in (-72.0, -68.0, -64.0)]
    (instance,) = ingested.rows("instance")
    assert instance["image_position_mm"] == positions[0]
    assert instance["image_orientation"] == [1, 0, 0, 0, -1, 0]
    assert (instance["pixel_spacing_row_mm"], instance["pixel_spacing_column_mm"]) == (3.0, 2.0)


def test_a_mark_at_the_left_of_the_patient_stays_at_the_left(tmp_path: Path) -> None:
    voxels = np.zeros(SHAPE, np.int16)
    voxels[1, 2, 1] = 9
    for flip in (1, -1):
        affine = AFFINE @ np.diag([flip, 1, 1, 1])
        reading = read_volume(save(tmp_path / "a.nii", voxels, affine), Limits())
        right, front, up = (affine @ (1, 2, 1, 1))[:3]
        cells = [cell for cell in reading.cells if isinstance(cell, FrameCell)]
        frame = decode(cells[1].codec, cells[1].pixels, dtype="int16", shape=(5, 4))
        ((row, column),) = np.argwhere(frame == 9)
        along_row, along_column = np.reshape(cells[1].columns["image_orientation"], (2, 3))
        place = (
            np.array(cells[1].columns["image_position_mm"])
            + column * cells[1].columns["pixel_spacing_column_mm"] * along_row
            + row * cells[1].columns["pixel_spacing_row_mm"] * along_column
        )
        assert place == pytest.approx([-right, -front, up])


@pytest.mark.parametrize("dtype", [*TYPES, "float32", "float64"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_type_of_voxels_is_kept_to_the_bit(tmp_path: Path, dtype: str, order: str) -> None:
    values = np.random.default_rng(1).normal(size=SHAPE) * 50 + 60
    voxels = values.astype(dtype)
    if dtype.startswith("float"):
        voxels[0, 0, 0] = np.nan
    image = nibabel.Nifti1Image(voxels, AFFINE, dtype=dtype)
    header = image.header.as_byteswapped(order)
    path = tmp_path / "a.nii"
    path.write_bytes(nibabel.Nifti1Image(voxels, AFFINE, header, dtype=dtype).to_bytes())
    read = stored(read_volume(path, Limits()), SHAPE)
    assert (read.dtype, read.tobytes()) == (np.dtype(dtype), voxels.tobytes())


def test_colours_are_three_channels_and_alpha_is_left_out(tmp_path: Path) -> None:
    names = ("R", "G", "B", "A")
    for count in (3, 4):
        voxels = np.zeros(SHAPE, [(name, "u1") for name in names[:count]])
        for index, name in enumerate(names[:count]):
            voxels[name] = np.arange(60).reshape(SHAPE) + 60 * index
        reading = read_volume(save(tmp_path / "a.nii", voxels), Limits())
        expected = np.stack([voxels[name] for name in "RGB"], axis=-1)
        assert np.array_equal(stored(reading, SHAPE), expected)
        assert reading.header.columns["photometric"] == "RGB"


def test_the_slices_of_a_moment_come_before_those_of_the_next(tmp_path: Path) -> None:
    voxels = np.arange(4 * 5 * 3 * 2 * 2, dtype=np.int16).reshape(4, 5, 3, 2, 2)
    reading = read_volume(save(tmp_path / "a.nii", voxels), Limits())
    cells = list(reading.cells)
    assert reading.header.columns["frames"] == len(cells) == 12
    for number, (further, moment, level) in enumerate(np.ndindex(2, 2, 3)):
        cell = cells[number]
        assert isinstance(cell, FrameCell)
        frame = decode(cell.codec, cell.pixels, dtype="int16", shape=(5, 4))
        assert np.array_equal(frame, voxels[:, :, level, moment, further].T)
        assert cell.columns["image_position_mm"][2] == -72 + 4 * level


def test_a_file_of_two_axes_is_one_frame(tmp_path: Path) -> None:
    reading = read_volume(save(tmp_path / "a.nii", VOXELS[:, :, 0]), Limits())
    assert np.array_equal(stored(reading, SHAPE[:2]), VOXELS[:, :, 0])


@pytest.mark.parametrize(
    ("slope", "intercept", "kept"),
    [
        (0.5, -3.0, (0.5, -3.0)),
        (1.0, 0.0, (1.0, 0.0)),
        (0.0, 7.0, (None, None)),
        (np.nan, np.nan, (None, None)),
        (2.0, np.nan, (None, None)),
        (np.inf, 0.0, (None, None)),
    ],
)
def test_a_slope_is_kept_beside_the_stored_values(
    tmp_path: Path, slope: float, intercept: float, kept: tuple[float | None, float | None]
) -> None:
    def edit(header: nibabel.Nifti1Header) -> None:
        header["scl_slope"], header["scl_inter"] = slope, intercept

    reading = read_volume(save(tmp_path / "a.nii", edit=edit), Limits())
    columns = reading.header.columns
    assert (columns["rescale_slope"], columns["rescale_intercept"]) == kept
    assert np.array_equal(stored(reading, SHAPE), VOXELS)


def test_the_sform_goes_before_another_qform_with_a_remark(tmp_path: Path) -> None:
    def edit(header: nibabel.Nifti1Header) -> None:
        header.set_qform(np.diag([1.0, 1, 1, 1]), code=1)
        header.set_sform(AFFINE, code=2)

    reading = read_volume(save(tmp_path / "a.nii", edit=edit), Limits())
    assert reading.header.columns["image_position_mm"] == [-90.0, 126.0, -72.0]
    assert codes(reading) == {"nifti.two_geometries"}


def test_the_qform_counts_where_there_is_no_sform(tmp_path: Path) -> None:
    def edit(header: nibabel.Nifti1Header) -> None:
        header.set_qform(AFFINE, code=1)
        header.set_sform(None, code=0)

    reading = read_volume(save(tmp_path / "a.nii", edit=edit), Limits())
    assert reading.header.columns["image_position_mm"] == pytest.approx([-90.0, 126.0, -72.0])
    assert codes(reading) == set()


@pytest.mark.parametrize("hole", [0.0, np.nan])
def test_without_a_place_the_geometry_is_empty_with_a_remark(tmp_path: Path, hole: float) -> None:
    def edit(header: nibabel.Nifti1Header) -> None:
        header["qform_code"], header["sform_code"] = 0, 1
        header["srow_x"] = hole

    reading = read_volume(save(tmp_path / "a.nii", edit=edit), Limits())
    columns = reading.header.columns
    assert (columns["image_position_mm"], columns["image_orientation"]) == (None, None)
    assert columns["pixel_spacing_row_mm"] == 3.0
    assert codes(reading) == {"nifti.no_geometry"}


def test_axes_that_are_not_at_right_angles_are_remarked_on(tmp_path: Path) -> None:
    sheared = AFFINE.copy()
    sheared[1, 2] = 1.0

    def edit(header: nibabel.Nifti1Header) -> None:
        header["qform_code"] = 0
        header.set_sform(sheared, code=1)

    reading = read_volume(save(tmp_path / "a.nii", edit=edit), Limits())
    assert codes(reading) == {"nifti.sheared"}


def test_metres_and_micrometres_become_millimetres(tmp_path: Path) -> None:
    for unit, factor in (("meter", 1000.0), ("micron", 0.001), ("unknown", 1.0)):
        path = save(tmp_path / "a.nii", edit=lambda h, unit=unit: h.set_xyzt_units(unit))
        columns = read_volume(path, Limits()).header.columns
        assert columns["pixel_spacing_row_mm"] == pytest.approx(3.0 * factor)
        assert columns["image_position_mm"] == pytest.approx(
            [-90 * factor, 126 * factor, -72 * factor]
        )


def test_a_nifti_2_file_reads_like_a_nifti_1_file(tmp_path: Path) -> None:
    reading = read_volume(save(tmp_path / "a.nii", kind=nibabel.Nifti2Image), Limits())
    assert np.array_equal(stored(reading, SHAPE), VOXELS)
    assert reading.header.columns["image_position_mm"] == [-90.0, 126.0, -72.0]


def test_free_text_and_extensions_of_a_header_are_not_staged(
    folder: Path, ingest: Ingest, per_record: None
) -> None:
    def edit(header: nibabel.Nifti1Header) -> None:
        header["descrip"], header["aux_file"], header["intent_name"] = (b"Jane Doe",) * 3

    path = save(folder / "a.nii", edit=edit)
    image = nibabel.load(path)
    assert isinstance(image, nibabel.Nifti1Image)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Doe^Jane 1950"))
    path.write_bytes(image.to_bytes())
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": 1, "accepted": 1}
    for table in ("instance", "frame"):
        assert "Doe" not in str(ingested.rows(table))
    assert np.array_equal(ingested.pixels(2), VOXELS[:, :, 2].T)


def _set(**fields: Any) -> Callable[[nibabel.Nifti1Header], None]:
    def edit(header: nibabel.Nifti1Header) -> None:
        for name, value in fields.items():
            header[name] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (_set(magic=b"ni1"), "nifti.pair"),
        (_set(magic=b"xyz"), "nifti.unreadable"),
        (_set(datatype=4242), "nifti.unreadable"),
        (_set(datatype=1536, bitpix=128), "nifti.unsupported_type"),
        (_set(dim=[3, 4, 5, 0, 1, 1, 1, 1]), "nifti.no_voxels"),
        (_set(dim=[3, 4, -5, 3, 1, 1, 1, 1]), "nifti.no_voxels"),
        (_set(dim=[1, 4, 5, 3, 1, 1, 1, 1]), "nifti.no_voxels"),
        (_set(dim=[3, 4, 5, 9, 1, 1, 1, 1]), "nifti.truncated"),
        (_set(dim=[4, 32000, 32000, 32000, 9, 1, 1, 1]), "dicom.too_large"),
        (_set(dim=[3, 32000, 32000, 1, 1, 1, 1, 1], datatype=64, bitpix=64), "dicom.too_large"),
        (_set(vox_offset=np.nan), "nifti.unreadable"),
        (_set(vox_offset=-16), "nifti.unreadable"),
        (_set(vox_offset=1e9), "nifti.truncated"),
    ],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_header_that_describes_no_volume_is_refused(
    tmp_path: Path, edit: Callable[[nibabel.Nifti1Header], None], code: str, suffix: str
) -> None:
    path = save(tmp_path / f"a{suffix}", edit=edit)
    with pytest.raises(Unusable) as caught:
        list(read_volume(path, Limits()).cells)
    assert caught.value.failure.code == code


def test_complex_voxels_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", VOXELS.astype(np.complex64))
    with pytest.raises(Unusable) as caught:
        describe_volume(path, Limits())
    assert caught.value.failure.code == "nifti.unsupported_type"


@pytest.mark.parametrize("end", [0, 3, 100, 347, 351, 400])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_file_that_was_cut_is_refused(
    folder: Path, ingest: Ingest, per_record: None, end: int, suffix: str
) -> None:
    path = save(folder / f"a{suffix}")
    path.write_bytes(path.read_bytes()[: end if suffix == ".nii" else end // 4])
    ingested = ingest()
    assert ingested.refusals().keys() <= {"nifti.truncated", "nifti.unreadable"}
    assert ingested.totals("instance") == {"delivered": 1, "quarantined": 1}


def test_no_more_is_inflated_than_the_header_describes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii")
    path.write_bytes(gzip.compress(path.read_bytes() + bytes(64 << 20)))
    reading = read_volume(path, Limits(all_pixel_bytes=1 << 20))
    assert np.array_equal(stored(reading, SHAPE), VOXELS)


def test_a_volume_without_a_subject_is_refused(folder: Path, ingest: Ingest) -> None:
    save(folder / "a.nii")
    assert ingest().refusals() == {"subject.missing": 1}


def test_a_label_table_names_the_patient_of_a_volume(
    folder: Path, ingest: Ingest, identity: Identity
) -> None:
    save(folder / "a.nii.gz")
    (folder / "labels.csv").write_text("file,patient,label\na.nii.gz,P1,tumour\n")
    (folder / "delivery.json").write_text(
        '{"labels": "labels.csv", "label_patient_column": "patient"}'
    )
    ingested = ingest()
    (instance,) = ingested.rows("instance")
    assert instance["patient_id"] == identity.subject(None, "P1").patient_id
    assert instance["label"] == "tumour"
    assert ingested.totals("label") == {"delivered": 1, "accepted": 1}


def label_map(dtype: str = "uint8") -> np.ndarray:
    labels = np.zeros(SHAPE, dtype)
    labels[0, 1, 0], labels[2:, 3, 0], labels[3, 4, 2] = 1, 7, 7
    return labels


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_a_label_map_gives_one_mask_per_slice_and_label(
    folder: Path, ingest: Ingest, per_record: None, dtype: str
) -> None:
    save(folder / "images" / "a.nii.gz")
    save(folder / "masks" / "a.nii.gz", label_map(dtype))
    ingested = ingest()
    rows = sorted(
        (row["frame_number"], row["segment_number"], row["foreground_pixels"])
        for row in ingested.rows("mask")
    )
    assert rows == [(1, 1, 1), (1, 7, 2), (2, 1, 0), (3, 7, 1)]
    (instance,) = ingested.rows("instance")
    assert {row["instance_id"] for row in ingested.rows("mask")} == {instance["instance_id"]}
    united = np.zeros(SHAPE)
    for index, row in enumerate(ingested.rows("mask")):
        united[:, :, row["frame_number"] - 1] += row["segment_number"] * ingested.mask(index).T
    assert np.array_equal(united, label_map())
    assert ingested.totals("mask") == {"delivered": 1, "accepted": 1}


def test_labels_go_by_their_values_not_by_what_is_stored(tmp_path: Path) -> None:
    edit = _set(scl_slope=0.5, scl_inter=1.0)
    path = save(tmp_path / "a.nii", np.full(SHAPE, 4, np.uint8), edit=edit)
    masks = [cell for cell in read_label_map(path, Limits()).cells if isinstance(cell, MaskCell)]
    assert [(mask.segment_number, mask.foreground_pixels) for mask in masks] == [(3, 20)] * 3


@pytest.mark.parametrize(
    "voxels",
    [
        label_map("int16") - 1,
        label_map("float32") + 0.5,
        np.full(SHAPE, np.nan, np.float32),
        np.arange(2 * 5 * 300, dtype=np.int16).reshape(2, 5, 300),
        np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")]),
    ],
    ids=["negative", "fractions", "no numbers", "values", "colours"],
)
def test_what_numbers_nothing_is_no_label_map(tmp_path: Path, voxels: np.ndarray) -> None:
    path = save(tmp_path / "a.nii", voxels)
    with pytest.raises(Unusable) as caught:
        list(read_label_map(path, Limits()).cells)
    assert caught.value.failure.code == "mask.not_labels"


@pytest.mark.parametrize(
    ("voxels", "affine", "code"),
    [
        (label_map()[:, :, :2], AFFINE, "mask.other_size"),
        (label_map()[:3], AFFINE, "mask.other_size"),
        (label_map(), AFFINE @ np.diag([-1, 1, 1, 1]), "mask.other_place"),
        (label_map(), AFFINE @ np.diag([1, 1, -1, 1]), "mask.other_place"),
        (label_map(), AFFINE @ np.diag([1, 1, 1.2, 1]), "mask.other_place"),
    ],
    ids=["fewer slices", "narrower", "flipped", "upside down", "thicker slices"],
)
def test_a_label_map_that_does_not_fit_its_image_is_refused(
    folder: Path,
    ingest: Ingest,
    per_record: None,
    voxels: np.ndarray,
    affine: np.ndarray,
    code: str,
) -> None:
    save(folder / "a.nii")
    save(folder / "masks" / "a.nii", voxels, affine)
    ingested = ingest()
    assert ingested.refusals() == {code: 1}
    assert ingested.rows("mask") == []


def test_a_label_map_of_one_volume_is_of_the_first_of_several(
    folder: Path, ingest: Ingest, per_record: None
) -> None:
    save(folder / "a.nii", np.stack([VOXELS, VOXELS + 1], axis=3))
    save(folder / "masks" / "a.nii", label_map())
    ingested = ingest()
    assert {row["frame_number"] for row in ingested.rows("mask")} == {1, 2, 3}
    assert ingested.refusals("warning") == {"mask.first_volume": 1}


def test_each_volume_of_a_file_is_one_of_its_series(
    folder: Path, ingest: Ingest, per_record: None
) -> None:
    save(folder / "a.nii", np.stack([VOXELS, VOXELS + 1], axis=3))
    save(folder / "b.nii", VOXELS + 7)
    ingested = ingest()
    found = assemble(
        Images(
            pl.DataFrame(ingested.stage.read("imaging_instance", [*INSTANCE_COLUMNS])),
            pl.DataFrame(ingested.stage.read("imaging_frame", [*FRAME_COLUMNS])),
            pl.DataFrame(schema={"series_id": pl.String, "is_truncated": pl.Boolean}),
        )
    )
    by_frames = {row["instance_id"]: row["series_id"] for row in ingested.rows("instance")}
    assert len(set(by_frames.values())) == 2
    volumes = found.volumes.to_dicts()
    assert len(volumes) == 3
    for volume in volumes:
        affine = np.reshape(volume["affine"], (4, 4))
        # The slices of the file run against the normal of their plane, those of a volume along it.
        corners = np.array([[0, 0, 0, 1], [3, 4, 2, 1]]).T
        turned = np.array([[0, 0, 2, 1], [3, 4, 0, 1]]).T
        assert affine @ turned == pytest.approx(AFFINE @ corners)

"""Every fault of a series is reported in its column, and none is silent.

A stack of 24 slices with one fault at a time, as other software accepts them without a word.
"""

import random

import numpy as np
import pytest

from medplatform.volumes.faults import OF_SERIES
from medplatform_tests.volumes.rows import (
    AXIAL,
    CORONAL,
    SLICES,
    make_slice,
    make_stack,
    one_series,
    put_together,
)


def tilted(degrees: float) -> list[float]:
    """An axial orientation that a gantry was tilted to."""
    angle = np.radians(degrees)
    return [1.0, 0.0, 0.0, 0.0, float(np.cos(angle)), float(-np.sin(angle))]


def test_a_clean_stack_has_no_fault() -> None:
    series = one_series(put_together(make_stack()))
    assert series["geometry_status"] == "volume"
    assert series["faults"] == []
    assert not any(series[column] for column in OF_SERIES)
    assert (series["rows"], series["columns"], series["slices"]) == (160, 80, SLICES)
    assert series["slice_spacing_mm"] == 2
    assert series["tilt_degrees"] == 0


def test_the_order_is_that_of_the_positions_whatever_the_instance_numbers_are() -> None:
    numbers = list(range(1, SLICES + 1))
    random.Random(7).shuffle(numbers)
    rows = [row | {"instance_number": n} for row, n in zip(make_stack(), numbers, strict=True)]
    random.Random(8).shuffle(rows)
    assembly = put_together(rows)
    assert one_series(assembly)["faults"] == []
    (volume,) = assembly.volumes.to_dicts()
    assert volume["instance_ids"] == [f"slice-{number}" for number in range(SLICES)]


def test_slices_without_an_instance_number_are_not_dropped() -> None:
    rows = [r | {"instance_number": None} if n < 4 else r for n, r in enumerate(make_stack())]
    series = one_series(put_together(rows))
    assert (series["slices"], series["faults"]) == (SLICES, [])


def test_missing_slices_are_counted_and_leave_their_place_free() -> None:
    assembly = put_together(r for n, r in enumerate(make_stack()) if n not in (7, 8, 15))
    series = one_series(assembly)
    assert series["geometry_status"] == "volume_with_faults"
    assert (series["faults"], series["missing_slices"]) == (["missing"], 3)
    assert (series["slices"], series["slice_spacing_mm"]) == (SLICES, 2)
    (volume,) = assembly.volumes.to_dicts()
    assert volume["slice_indexes"] == [n for n in range(SLICES) if n not in (7, 8, 15)]


def test_a_duplicate_slice_is_counted_and_not_stacked() -> None:
    assembly = put_together([*make_stack(), make_slice(5, name="again", instance_number=99)])
    series = one_series(assembly)
    assert (series["faults"], series["duplicate_slices"]) == (["duplicate"], 1)
    assert (series["slices"], series["slice_spacing_mm"]) == (SLICES, 2)
    (volume,) = assembly.volumes.to_dicts()
    assert "again" not in volume["instance_ids"]


def test_a_whole_series_that_came_twice_is_all_duplicates() -> None:
    copies = [
        make_slice(n, name=f"copy-{n}", pixel_sha256=f"pixels of slice-{n}") for n in range(4)
    ]
    series = one_series(put_together([*make_stack(4), *copies]))
    assert (series["faults"], series["duplicate_slices"], series["volumes"]) == (
        ["duplicate"],
        4,
        1,
    )


def test_other_orientations_are_stacks_of_their_own() -> None:
    rows = [
        r | {"image_orientation": tilted(3)} if n < 3 else r for n, r in enumerate(make_stack())
    ]
    assembly = put_together(rows)
    series = one_series(assembly)
    assert series["has_mixed_orientation"] and series["volumes"] == 2
    assert assembly.volumes["instance_ids"].list.len().to_list() == [21, 3]
    assert set(assembly.volumes["geometry_status"]) == {"volume_with_faults"}


def test_other_sizes_and_spacings_are_stacks_of_their_own() -> None:
    rows = [r | {"height": 128} if n == 4 else r for n, r in enumerate(make_stack())]
    series = one_series(put_together(rows))
    assert series["faults"] == ["missing", "mixed_size"]
    rows = [r | {"pixel_spacing_row_mm": 0.6} if n == 23 else r for n, r in enumerate(make_stack())]
    assert one_series(put_together(rows))["faults"] == ["mixed_spacing"]


def test_other_coordinate_systems_are_not_joined() -> None:
    rows = [
        r | {"frame_of_reference_id": "a" if n < 12 else "b"} for n, r in enumerate(make_stack())
    ]
    series = one_series(put_together(rows))
    assert (series["faults"], series["volumes"]) == (["mixed_frames_of_reference"], 2)


def test_a_series_of_two_patients_is_nobodys() -> None:
    rows = [r | {"patient_id": "patient-2"} if n == 3 else r for n, r in enumerate(make_stack())]
    assembly = put_together(rows)
    series = one_series(assembly)
    assert "mixed_patients" in series["faults"]
    assert series["patient_id"] is None
    assert assembly.studies["patient_id"].to_list() == [None]
    assert assembly.volumes["patient_id"].to_list() == ["patient-1", "patient-2"]


def test_variable_spacing_is_told_from_missing_slices() -> None:
    places = [0, 2, 4, 6, 8, 11.3, 14.6, 17.9, 21.2]
    rows = [make_slice(n, image_position_mm=[0.0, 0.0, z]) for n, z in enumerate(places)]
    series = one_series(put_together(rows))
    assert (series["faults"], series["missing_slices"]) == (["variable_spacing"], 0)


@pytest.mark.parametrize("noise", [1e-6, 4e-3])
def test_rounded_positions_are_no_fault(noise: float) -> None:
    generator = np.random.default_rng(3)
    rows = [
        make_slice(n, image_position_mm=[-30.0, -40.0, 1.25 * n + generator.uniform(-noise, noise)])
        for n in range(SLICES)
    ]
    assert one_series(put_together(rows))["faults"] == []


def test_sheared_stacks_are_reported_with_their_tilt() -> None:
    series = one_series(put_together(make_stack(image_orientation=tilted(18.5))))
    assert (series["faults"], series["has_gantry_tilt"]) == (["gantry_tilt"], True)
    assert series["tilt_degrees"] == pytest.approx(18.5)
    assert series["slice_spacing_mm"] == pytest.approx(2 * np.cos(np.radians(18.5)))


def test_a_slice_beside_the_others_is_reported() -> None:
    rows = make_stack()
    rows[5]["image_position_mm"] = [-29.0, -40.0, 10.0]
    assert one_series(put_together(rows))["faults"] == ["shifted_slices"]


def test_localizers_are_no_slices() -> None:
    scout = make_slice(
        0, name="scout", image_type=["ORIGINAL", "PRIMARY", "LOCALIZER"], image_orientation=CORONAL
    )
    assembly = put_together([scout, *make_stack()])
    series = one_series(assembly)
    assert (series["geometry_status"], series["faults"]) == ("volume", ["localizer"])
    assert assembly.volumes["geometry_status"].to_list() == ["volume"]
    assert one_series(put_together([scout]))["geometry_status"] == "localizer"


def test_private_objects_without_pixels_are_counted() -> None:
    rows = [*make_stack(), make_slice(0, name="private", frames=0)]
    series = one_series(put_together(rows))
    assert (series["instances"], series["images"], series["non_images"]) == (25, 24, 1)
    assert (series["geometry_status"], series["faults"]) == ("volume", ["non_image"])


def test_a_series_of_objects_without_pixels_has_no_fault() -> None:
    reports = [make_slice(n, name=f"report-{n}", frames=0, modality="SR") for n in range(2)]
    series = one_series(put_together(reports))
    assert (series["instances"], series["non_images"]) == (2, 0)
    assert (series["geometry_status"], series["faults"]) == ("no_volume", [])


def test_a_mosaic_is_no_volume() -> None:
    rows = make_stack(2, image_type=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"])
    series = one_series(put_together(rows))
    assert (series["geometry_status"], series["faults"]) == ("no_volume", ["mosaic"])


def test_slices_without_a_position_are_counted() -> None:
    rows = [r | {"image_position_mm": None} if n < 2 else r for n, r in enumerate(make_stack())]
    series = one_series(put_together(rows))
    assert (series["faults"], series["images_without_position"]) == (["no_position"], 2)
    assert series["slices"] == 22


@pytest.mark.parametrize("orientation", [[0.0] * 6, [1.0, 0, 0, 1, 0, 0], [2.0, 0, 0, 0, 2, 0]])
def test_an_orientation_that_is_none_is_no_place_in_space(orientation: list[float]) -> None:
    series = one_series(put_together(make_stack(3, image_orientation=orientation)))
    assert (series["geometry_status"], series["faults"]) == ("no_volume", ["no_position"])


def test_images_of_frames_that_are_gone_are_truncated() -> None:
    rows = make_stack(3)
    rows[1]["frames"] = 2
    assert "truncated" in one_series(put_together(rows))["faults"]


def test_projections_have_no_geometry_and_no_fault() -> None:
    nowhere = {"modality": "DX", "image_position_mm": None, "image_orientation": None}
    series = one_series(put_together([make_slice(0, **nowhere)]))
    assert (series["geometry_status"], series["faults"]) == ("no_volume", [])


def test_tiles_of_a_slide_are_no_slices() -> None:
    series = one_series(put_together(make_stack(4, modality="SM", matrix_row=1)))
    assert (series["geometry_status"], series["faults"]) == ("no_volume", [])


def test_pictures_without_a_series_are_in_no_row() -> None:
    assembly = put_together([make_slice(0, series_id=None, study_id=None)])
    assert (
        assembly.series.is_empty() and assembly.studies.is_empty() and assembly.volumes.is_empty()
    )


def test_a_single_slice_is_as_deep_as_it_is_thick() -> None:
    series = one_series(put_together([make_slice(0, image_orientation=AXIAL)]))
    assert (series["geometry_status"], series["slice_spacing_mm"]) == ("single_slice", 2)
    series = one_series(put_together([make_slice(0, slice_thickness_mm=None)]))
    assert (series["geometry_status"], series["affine"]) == ("single_slice", None)

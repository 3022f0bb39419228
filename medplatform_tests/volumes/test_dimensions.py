"""Images of one place are points of a dimension, or duplicates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from medplatform_tests.volumes.rows import Row, make_slice, make_stack, one_series, put_together

PLACES, POINTS = 6, 4


def make_points(**columns: list[Any]) -> list[Row]:
    """A stack at each of some points, of which the columns have the values."""
    points = len(next(iter(columns.values())))
    return [
        make_slice(
            place,
            name=f"{place}@{point}",
            instance_number=point * PLACES + place,
            **{name: values[point] for name, values in columns.items()},
        )
        for point in range(points)
        for place in range(PLACES)
    ]


@pytest.mark.parametrize(
    "columns",
    [
        {"acquisition_number": [3, 4, 5, 6]},
        {"temporal_position": [1, 2, 3, 4]},
        {"echo_time_ms": [5.0, 10.0, 15.0, 20.0]},
        {"frame_reference_ms": [0.0, 60000.0, 120000.0, 180000.0]},
        {"b_value_s_mm2": [0.0, 500.0, 1000.0, 2000.0]},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_a_dimension_makes_one_volume_per_value(columns: dict[str, list[Any]]) -> None:
    assembly = put_together(make_points(**columns))
    series = one_series(assembly)
    assert (series["volumes"], series["geometry_status"], series["faults"]) == (4, "volume", [])
    ((name, values),) = columns.items()
    assert assembly.volumes["dimension"].to_list() == [name] * POINTS
    assert assembly.volumes[name].to_list() == values
    assert assembly.volumes["volume_number"].to_list() == [1, 2, 3, 4]
    ids = assembly.volumes["instance_ids"].to_list()
    assert ids == [[f"{place}@{point}" for place in range(PLACES)] for point in range(POINTS)]


def test_several_dimensions_are_told_apart() -> None:
    rows = make_points(temporal_position=[1, 1, 2, 2], echo_time_ms=[5.0, 10.0, 5.0, 10.0])
    volumes = put_together(rows).volumes
    assert volumes["dimension"].to_list() == ["temporal_position,echo_time_ms"] * 4
    assert volumes["slices"].to_list() == [PLACES] * 4


def test_magnitude_and_phase_are_told_apart() -> None:
    kinds = [["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"]]
    volumes = put_together(make_points(image_type=kinds)).volumes
    assert volumes["dimension"].to_list() == ["image_type"] * 2


def test_without_a_dimension_images_are_numbered_in_time() -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    times = [start + timedelta(seconds=3 * point) for point in range(POINTS)]
    rows = make_points(acquired_at=times)
    for number, row in enumerate(reversed(rows)):
        row["instance_number"] = number
    volumes = put_together(rows).volumes
    assert volumes["repetition"].to_list() == [1, 2, 3, 4]
    assert [ids[0] for ids in volumes["instance_ids"].to_list()] == ["0@0", "0@1", "0@2", "0@3"]


def test_a_point_that_lacks_a_slice_has_the_fault_alone() -> None:
    rows = [r for r in make_points(temporal_position=[1, 2, 3, 4]) if r["instance_id"] != "3@2"]
    assembly = put_together(rows)
    assert assembly.volumes["missing_slices"].to_list() == [0, 0, 1, 0]
    assert one_series(assembly)["faults"] == ["missing"]


def test_a_duplicate_among_points_of_time_stays_one() -> None:
    rows = make_points(temporal_position=[1, 2, 3, 4])
    rows.append(rows[8] | {"instance_id": "again"})
    series = one_series(put_together(rows))
    assert (series["volumes"], series["duplicate_slices"]) == (4, 1)


def test_an_acquisition_per_slice_is_no_dimension() -> None:
    rows = [row | {"acquisition_number": number} for number, row in enumerate(make_stack())]
    series = one_series(put_together(rows))
    assert (series["volumes"], series["faults"]) == (1, [])
    rows.append(make_slice(5, name="again", acquisition_number=77))
    series = one_series(put_together(rows))
    assert (series["volumes"], series["faults"]) == (1, ["duplicate"])


def test_acquisitions_with_a_gap_between_are_told_apart() -> None:
    first = make_stack(8)
    second = [
        make_slice(
            n, name=f"b-{n}", acquisition_number=2, image_position_mm=[-30.0, -40.0, 17.3 + 2 * n]
        )
        for n in range(8)
    ]
    series = one_series(put_together([*first, *second]))
    assert (series["volumes"], series["faults"]) == (2, [])


def test_interleaved_acquisitions_are_one_volume() -> None:
    rows = [row | {"acquisition_number": n % 2} for n, row in enumerate(make_stack())]
    assert one_series(put_together(rows))["volumes"] == 1


def test_the_largest_stack_is_the_first_volume() -> None:
    small = [make_slice(n, name=f"s-{n}", height=64, width=64) for n in range(3)]
    volumes = put_together([*small, *make_stack()]).volumes
    assert volumes["rows"].to_list() == [160, 64]
    assert volumes["volume_number"].to_list() == [1, 2]

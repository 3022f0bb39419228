"""The documentation names every fault, status, table and option."""

from pathlib import Path

import click

from medplatform.cli.export_nifti import export_nifti
from medplatform.volumes import SERIES, STUDY, VOLUME
from medplatform.volumes.faults import OF_SERIES, OF_VOLUME
from medplatform.volumes.stacks import DIMENSIONS, REPETITION
from medplatform.volumes.tables import SERIES_STATUS, VOLUME_STATUS

TEXT = (Path(__file__).parents[2] / "docs" / "imaging-volumes.md").read_text()


def test_every_fault_and_status_is_explained() -> None:
    named = {*OF_SERIES.values(), *SERIES_STATUS, *VOLUME_STATUS, REPETITION}
    assert [name for name in named if f"`{name}`" not in TEXT] == []


def test_every_fault_is_a_column() -> None:
    assert set(OF_SERIES) <= {column.name for column in SERIES.columns}
    assert set(OF_VOLUME) <= {column.name for column in VOLUME.columns}


def test_every_dimension_but_the_kind_is_a_column() -> None:
    columns = {column.name for column in VOLUME.columns}
    assert set(DIMENSIONS) - columns == {"image_type", "stack_id"}


def test_every_table_says_what_a_row_is() -> None:
    for table in (SERIES, STUDY, VOLUME):
        assert table.description.startswith("One row per ")
        assert all(column.description.endswith(".") for column in table.columns)


def test_every_option_of_the_export_is_shown() -> None:
    options = [p.opts[0] for p in export_nifti.params if isinstance(p, click.Option)]
    assert [option for option in options if option not in TEXT] == []

"""A table is declared once: columns, types, keys, meaning, units, PHI class.

The Parquet schema, the Great Expectations suite, Dagster's column panel, the dbt source and the
documentation are computed from the declaration. Not here: how rows are read or stored.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import polars as pl
import pyarrow as pa


class Phi(StrEnum):
    """What a column can reveal. The lake never holds direct identifiers."""

    NONE = "none"
    """Says nothing about who the patient is; may be shown in a preview."""
    PSEUDONYM = "pseudonym"
    """Keyed hash of an identifier; re-identifiable only with the vault."""
    SHIFTED_DATE = "shifted date"
    """A date moved by the patient's own secret number of days."""
    QUASI_IDENTIFIER = "quasi-identifier"
    """Identifies in combination, such as year of birth and sex."""
    GENOTYPE = "genotype"
    """Identifies by itself and cannot be anonymised."""
    PIXELS = "pixels"
    """Image content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its Arrow type, what it means, and which values are acceptable.

    `required` columns are never null. `values` lists the allowed codes, `minimum` and `maximum`
    the plausible range (inclusive, in `unit`, a UCUM code: "1" of counts and ratios).
    """

    name: str
    dtype: pa.DataType
    description: str
    required: bool = False
    unit: str | None = None
    phi: Phi = Phi.NONE
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    @property
    def meaning(self) -> str:
        """The description for a reader, with the unit where there is more to it than a number."""
        has_unit = self.unit not in (None, "1")
        return f"{self.description} Unit: {self.unit}." if has_unit else self.description

    @property
    def is_nested(self) -> bool:
        """Whether each cell is a list of structures."""
        return pa.types.is_list(self.dtype) and pa.types.is_struct(self.dtype.value_type)


LINEAGE = (
    Column(
        name="source_id",
        dtype=pa.string(),
        required=True,
        description="First 16 hex digits of the SHA-256 of the delivered file.",
    ),
    Column(
        name="record_number",
        dtype=pa.int64(),
        required=True,
        description="Number of the record in that file, from 1 (a line, a bundle entry, a file).",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One lake table. The description begins "One row per …"; `key` names a row within a delivery.

    Lineage columns (`source_id`, `record_number`) are added to every table. `large` columns hold
    bytes such as pixels: their cells are compressed already, so Parquet compression is off for the
    table and row groups are small, for random access.

    `unit` names the kind of record that the rows are made of, as it is counted in the ledger;
    `resource_type` the one type of those records, where the table holds one of many. A table
    without a unit is a by-product of another's records.

    The files of an open table have columns beside the declared ones, which may differ from file to
    file and are read by name.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    sort_by: tuple[str, ...] = ()
    large: tuple[str, ...] = ()
    unit: str | None = None
    resource_type: str | None = None
    is_open: bool = False
    all_columns: tuple[Column, ...] = field(init=False)
    nested: tuple[str, ...] = field(init=False)
    """The columns that are lists of structures."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "all_columns", (*self.columns, *LINEAGE))
        object.__setattr__(self, "nested", tuple(c.name for c in self.columns if c.is_nested))
        names = [column.name for column in self.all_columns]
        unknown = {*self.key, *self.sort_by, *self.large} - set(names)
        if unknown or len(names) != len(set(names)):
            raise ValueError(f"table {self.name}: unknown or repeated columns {unknown or names}")

    @property
    def modality(self) -> str:
        """The first part of the name: ehr, imaging, genomics, …"""
        return self.name.partition("_")[0]

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        for column in self.all_columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name}")

    def empty_frame(self) -> pl.DataFrame:
        """No rows, with the columns as polars has them."""
        frame = pl.from_arrow(self.schema().empty_table())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def schema(self) -> pa.Schema:
        """The Parquet schema, with descriptions, units and PHI classes as field metadata."""
        return pa.schema(
            [
                pa.field(
                    column.name,
                    column.dtype,
                    nullable=not column.required,
                    metadata={
                        "description": column.description,
                        "phi": column.phi.value,
                        **({"unit": column.unit} if column.unit else {}),
                    },
                )
                for column in self.all_columns
            ],
            metadata={"table": self.name, "description": self.description},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFamily:
    """Open tables of one make, of which the data tell how many there are and what they are called.

    `pattern` is what all of them declare; the names of the members begin with its name.
    """

    pattern: Table

    @property
    def name(self) -> str:
        """The common beginning of the names."""
        return self.pattern.name

    def has(self, table: str) -> bool:
        """Whether a table of this name is a member."""
        return table.startswith(f"{self.name}_")

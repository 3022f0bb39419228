"""The records of a batch as columns, and what other tables and rules make of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.lake import Table
from medplatform.modalities.genomics.genotypes.texts import SampleTexts
from medplatform.modalities.genomics.rules import Rule


@dataclass(frozen=True, slots=True)
class Sites:
    """Records of a batch that satisfy the rules on their fixed fields.

    Attributes
    ----------
    frame
        One row per record: `row` (its index in the batch), `key` (64 bits of the variant id),
        `is_vague` (it has a symbolic allele of which nothing says how far it extends) and the
        columns of genomics_variant.
    formats, samples
        Per record the column FORMAT (None where the file has none) and the sample columns, as
        delivered; it may have FORMAT without a sample.
    info
        Typed INFO: key -> one cell per record, of the type of `Header.info[key].dtype`; keys that
        no record of the batch has are left out.
    info_text
        The column INFO as delivered (Arrow strings).
    first_number
        Line number of the first line of the batch: that of a record is larger by its row.
    """

    frame: pl.DataFrame
    formats: list[bytes | None]
    samples: SampleTexts
    info: Mapping[str, pa.Array] = field(default_factory=dict)
    info_text: pa.Array = field(default_factory=lambda: pa.nulls(0, pa.string()))
    first_number: int = 1

    def __len__(self) -> int:
        return self.frame.height

    @property
    def rows(self) -> np.ndarray:
        """Index of each record in the batch (int64)."""
        return self.frame["row"].to_numpy()

    @property
    def keys(self) -> np.ndarray:
        """64 bits of the variant id of each record (uint64)."""
        return self.frame["key"].to_numpy()

    @property
    def alternate_count(self) -> np.ndarray:
        """Number of alternate alleles of each record (int64)."""
        return self.frame["alternate_alleles"].list.len().cast(pl.Int64).to_numpy()

    @property
    def genotyped(self) -> np.ndarray:
        """Index of the records with genotypes: of samples, the first FORMAT key being GT."""
        kinds = {keys: keys.partition(b":")[0] == b"GT" for keys in set(self.formats) if keys}
        is_first = np.array([kinds.get(keys or b"", False) for keys in self.formats], bool)
        return np.flatnonzero(is_first & self.samples.are_there)

    def take(self, indices: np.ndarray) -> "Sites":
        """Some of the records."""
        if len(indices) == len(self):
            return self
        places = pa.array(indices)
        return Sites(
            self.frame[indices],
            [self.formats[index] for index in indices],
            self.samples.take(indices),
            {key: cells.take(places) for key, cells in self.info.items()},
            self.info_text.take(places),
            self.first_number,
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table that records became.

    `sites` is the index of the record that each row is from; `columns` are all of the table's but
    its lineage, an open table's further ones among them.
    """

    table: Table
    sites: np.ndarray
    columns: Mapping[str, Any]


SiteRule = Callable[[Sites], Iterable[tuple[Rule, np.ndarray]]]
"""Checks a batch: rules, each with a mask (bool, one per record) of the records that break it."""

SiteTable = Callable[[Sites], Iterable[Rows]]
"""Makes the rows of further tables of accepted records."""

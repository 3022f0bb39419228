"""What the sample columns of a batch say: genotypes, and typed FORMAT values beside them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics.deidentify.texts import TextPolicy
from medplatform.modalities.genomics.format.columns import PREFIX, ColumnNames
from medplatform.modalities.genomics.format.reading import Broken, FormatReader, Formats
from medplatform.modalities.genomics.genotypes.packed import Packed
from medplatform.modalities.genomics.genotypes.packing import pack
from medplatform.modalities.genomics.header.header import Header
from medplatform.modalities.genomics.records.sites import Sites
from medplatform.modalities.genomics.rules import GT_ALLELE, GT_MALFORMED, Rule
from medplatform.modalities.genomics.samples.cohort import Cohort
from medplatform.modalities.report import FileReport


@dataclass(frozen=True, slots=True)
class Calls:
    """Sample columns of some records and the stored samples.

    Attributes
    ----------
    described
        Index of the records with sample columns, ascending; none where no sample is stored.
    genotyped
        Index of those with genotypes, one per variant of `packed`.
    columns
        Columns of FORMAT values: per record of `described` a list over the samples.
    """

    described: np.ndarray
    genotyped: np.ndarray
    packed: Packed
    columns: Mapping[str, pa.ChunkedArray]

    def numbers(
        self, key: str, records: np.ndarray, samples: np.ndarray, dtype: pa.DataType
    ) -> pa.Array:
        """Single numbers of a FORMAT key in some cells, as float64 or int32.

        Null where a cell has none, where it is not of the type (`DP` of 12.5), and everywhere where
        the key holds lists or texts.

        Parameters
        ----------
        records
            Indices of `described`.
        """
        name = f"{PREFIX}{key}"
        if name not in self.columns or not _is_number(self.columns[name].type.value_type):
            return pa.nulls(len(records), dtype)
        cells = self.cells(name, records, samples)
        if dtype == pa.int32() and pa.types.is_floating(cells.type):
            return _whole_numbers(cells.to_numpy(zero_copy_only=False))
        return cells.cast(dtype)

    def cells(self, column: str, records: np.ndarray, samples: np.ndarray) -> pa.Array:
        """What a column of `columns` holds for some records and samples."""
        lists = self.columns[column].combine_chunks()
        offsets = lists.offsets.to_numpy()
        is_null = offsets[records] == offsets[records + 1]
        return lists.values.take(pa.array(offsets[records] + samples, mask=is_null))


def _is_number(dtype: pa.DataType) -> bool:
    return pa.types.is_integer(dtype) or pa.types.is_floating(dtype)


def _whole_numbers(values: np.ndarray) -> pa.Array:
    """Numbers as int32, null where that cannot hold them."""
    bounds = np.iinfo(np.int32)
    is_whole = (values == np.trunc(values)) & (values >= bounds.min) & (values <= bounds.max)
    return pa.array(np.where(is_whole, values, 0).astype(np.int32), mask=~is_whole)


@dataclass(frozen=True, slots=True)
class BatchCalls:
    """Sample columns of all records of a batch and all samples, with the rules they break."""

    genotyped: np.ndarray
    packed: Packed
    formats: Formats
    broken: tuple[Broken, ...]


class CallReader:
    """Reads the sample columns of one file and keeps those of its linked samples.

    Parameters
    ----------
    policy
        Which texts may be kept.
    names
        Samples and patients of the delivery -> what stands for them in texts.
    """

    def __init__(
        self,
        header: Header,
        cohort: Cohort,
        report: FileReport,
        policy: TextPolicy,
        names: Mapping[str, str],
    ) -> None:
        self.cohort = cohort
        self._samples = len(header.samples)
        self._columns = ColumnNames()
        self._names = names

        def warn(rule: Rule) -> None:
            report.warn(rule.code, rule.reason, element=rule.element)

        self._formats = FormatReader(header, policy, names, warn)

    def read(self, sites: Sites) -> BatchCalls:
        """Read a batch."""
        genotyped = sites.genotyped
        packed = pack(sites.samples.take(genotyped), self._samples)
        formats = self._formats.read(sites, packed)
        broken = _broken_genotypes(packed, genotyped, sites.alternate_count)
        return BatchCalls(genotyped, packed, formats, (*broken, *formats.broken))

    def keep(self, calls: BatchCalls, sites: Sites, accepted: np.ndarray) -> Calls:
        """Sample columns of accepted records (indices, ascending) and of linked samples."""
        columns = self.cohort.columns
        if not len(columns):
            accepted = accepted[:0]
        place = np.flatnonzero(np.isin(calls.genotyped, accepted))
        has_samples = sites.samples.are_there[accepted]
        return Calls(
            np.flatnonzero(has_samples),
            np.searchsorted(accepted, calls.genotyped[place]),
            calls.packed.take(place, columns),
            {
                self._columns.name(definition): cells
                for definition, cells in calls.formats.columns(
                    accepted[has_samples], columns, self._names
                )
            },
        )


def _broken_genotypes(
    packed: Packed, genotyped: np.ndarray, alternate_count: np.ndarray
) -> list[Broken]:
    is_malformed, is_unknown = np.zeros((2, len(alternate_count)), bool)
    is_malformed[genotyped[list(packed.malformed)]] = True
    # Where ALT is '.', files give the allele that it stands for the number 1.
    named = np.maximum(alternate_count[genotyped], 1)
    is_unknown[genotyped] = packed.largest_alleles() > named
    return [(GT_MALFORMED, is_malformed), (GT_ALLELE, is_unknown)]

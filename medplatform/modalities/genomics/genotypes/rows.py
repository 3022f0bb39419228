"""Rows of genomics_genotype, and how often the alleles of a record are called."""

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics.genotypes.calls import Calls
from medplatform.modalities.genomics.records.sites import Rows
from medplatform.modalities.genomics.samples.cohort import Cohort
from medplatform.modalities.genomics.tables import GENOTYPE


def genotype_rows(calls: Calls, variant_ids: pa.Array, cohort: Cohort) -> Rows:
    """Rows of genomics_genotype; `variant_ids` are those of the records that `calls` are of."""
    described = calls.described
    cells = calls.packed.cells()
    if len(calls.genotyped) < len(described):
        has_cell = np.isin(described, calls.genotyped)
        cells = cells.take(pa.array(np.cumsum(has_cell) - 1, mask=~has_cell))
    columns = {
        "variant_id": variant_ids.take(pa.array(described)),
        "cohort_id": pa.repeat(cohort.cohort_id, len(described)),
        "genotypes": cells,
        "sample_count": pa.repeat(len(cohort.columns), len(described)),
    }
    return Rows(GENOTYPE, described, {**columns, **calls.columns})


def count_alleles(alternate_count: np.ndarray, calls: Calls) -> tuple[pa.Array, pa.Array]:
    """Called alleles, and copies of each alternate allele, per record; null without genotypes."""
    genotyped, packed = calls.genotyped, calls.packed
    is_null = np.ones(len(alternate_count), bool)
    is_null[genotyped] = False
    called = np.zeros(len(alternate_count), np.int32)
    called[genotyped] = packed.called_alleles()
    listed = np.where(is_null, 0, alternate_count)
    offsets = np.concatenate([[0], np.cumsum(listed)]).astype(np.int32)
    counts = np.zeros(offsets[-1], np.int32)
    for allele in range(1, int(listed.max(initial=0)) + 1):
        rows = np.flatnonzero(listed[genotyped] >= allele)
        counts[offsets[genotyped[rows]] + allele - 1] = packed.allele_counts(allele)[rows]
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(counts), mask=pa.array(is_null))
    return pa.array(called, mask=is_null), lists

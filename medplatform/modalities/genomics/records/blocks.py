"""Reference blocks of gVCF files: intervals where a sample has no variant (VCF 4.3, section 5.5).

A record is a block where its only alternate allele stands for all that are not seen (`<NON_REF>` of
GATK, `<*>` of VCF 4.2 and later), or where it has none and its extent is given (END, or MIN_DP:
Illumina's gVCF and DRAGEN); and where each genotype is either the reference or not called. What
says more stays a variant: other genotypes, half-called and polyploid ones, an id, an SVTYPE.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.genomics.format.columns import PREFIX
from medplatform.modalities.genomics.genotypes.calls import BatchCalls, Calls
from medplatform.modalities.genomics.genotypes.packed import is_reference
from medplatform.modalities.genomics.records.sites import Rows, Sites
from medplatform.modalities.genomics.samples.cohort import Cohort
from medplatform.modalities.genomics.tables import BLOCK

_UNSEEN = ("<NON_REF>", "<*>")
_NUMBERS = {
    "DP": ("depth", pa.int32()),
    "MIN_DP": ("min_depth", pa.int32()),
    "GQ": ("genotype_quality", pa.float64()),
}
_OF_SITES = (
    "genome_build",
    "chromosome",
    "start_position",
    "end_position",
    "reference_allele",
    "quality",
    "filters",
)


def find_blocks(sites: Sites, calls: BatchCalls) -> np.ndarray:
    """Which records of a batch are reference blocks (bool)."""
    alternates = pl.col("alternate_alleles")
    is_unseen = (alternates.list.len() == 1) & alternates.list.first().is_in(_UNSEEN)
    kinds = sites.frame.select(
        is_unseen=is_unseen.fill_null(False),
        is_alone=alternates.list.len() == 0,
        has_end=pl.col("end_position").is_not_null(),
        has_id=pl.col("rs_id").is_not_null(),
    )
    is_unseen, is_alone, has_end, has_id = (kinds[name].to_numpy() for name in kinds.columns)
    is_block = is_unseen | is_alone
    if not is_block.any():
        return is_block
    has_depth = [text is not None and b"MIN_DP" in text.split(b":") for text in sites.formats]
    is_block = (is_unseen | is_alone & (has_end | np.array(has_depth))) & ~has_id
    is_block &= ~pc.match_substring_regex(sites.info_text, "(?:^|;)SVTYPE=").to_numpy(False)
    plain = np.zeros(len(sites), bool)
    plain[calls.genotyped] = calls.packed.are_plain()
    return is_block & plain


def block_rows(sites: Sites, calls: Calls, cohort: Cohort) -> Rows:
    """Rows of genomics_block: of records that are all blocks, one per stored sample of each."""
    size = len(cohort.columns)
    records = np.repeat(np.arange(len(sites)), size)
    samples = np.tile(np.arange(size), len(sites))
    places, indices = pa.array(records), pa.array(samples)
    frame = sites.frame.with_columns(
        end_position=pl.coalesce(
            "end_position", pl.col("position") + pl.col("reference_allele").str.len_bytes() - 1
        ),
        start_position="position",
    ).to_arrow(compat_level=pl.CompatLevel.oldest())
    codes = calls.packed.codes.reshape(-1)
    columns = {
        "cohort_id": pa.repeat(cohort.cohort_id, len(records)),
        "sample_index": indices,
        "patient_id": cohort.patient_ids.take(indices),
        "sample_id": cohort.sample_ids.take(indices),
        **{name: frame[name].take(places) for name in _OF_SITES},
        "is_called": pa.array(is_reference(codes)),
        "ploidy": pa.array(np.abs(calls.packed.ploidy().reshape(-1))),
        **{
            name: calls.numbers(key, records, samples, dtype)
            for key, (name, dtype) in _NUMBERS.items()
        },
    }
    further = {
        name: calls.cells(name, records, samples)
        for name in calls.columns
        if name not in {f"{PREFIX}{key}" for key in _NUMBERS}
    }
    return Rows(BLOCK, records, {**columns, **further})

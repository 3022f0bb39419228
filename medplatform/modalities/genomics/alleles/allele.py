"""Alternate alleles of records, each in the one form that equal alleles share.

An allele is trimmed of the bases that reference and alternate have in common, first at the right,
then at the left, and shifted left as far as the reference sequence allows (Tan, Abecasis and Kang
2015, Unified representation of genetic variants). Only an allele whose last bases are equal after
trimming can be shifted, so that most need no reference. Not here: how it is shifted, see
`normalise`.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.modalities.genomics.alleles.normalise import left_align
from medplatform.modalities.genomics.alleles.structural import (
    LENGTH_CONFLICT,
    describe_structures,
    disagreeing_lengths,
    spread,
)
from medplatform.modalities.genomics.records.sites import Rows, Sites
from medplatform.modalities.genomics.records.variant_id import shorten_allele
from medplatform.modalities.genomics.reference.genome import Genome, Standing
from medplatform.modalities.genomics.tables.allele import ALLELE

Warn = Callable[[str, str, int, str], object]
"""Takes code, reason, line number and field of a warning."""

STRUCTURAL_TYPES = ("symbolic", "breakend")
MOVABLE = ("<DEL", "<DUP")
"""Symbolic alleles that bcftools shifts."""

_SITE_COLUMNS = ("variant_id", "genome_build", "chromosome", "position", "end_position")
_SITE_COLUMNS += ("reference_allele",)
_NORMALISED = ("position", "reference_allele", "alternate_allele", "allele_type", "can_shift")


class AlleleTable:
    """Makes the rows of genomics_allele; see `sites.SiteTable`."""

    def __init__(self, genome: Genome | None, warn: Warn) -> None:
        self._genome = genome
        self._warn = warn

    def __call__(self, sites: Sites) -> Iterable[Rows]:
        """One row per alternate allele of each record."""
        alleles = list_alleles(sites.frame, sites.info, self._genome)
        for site in disagreeing_lengths(alleles):
            number = sites.first_number + int(sites.rows[site])
            self._warn(LENGTH_CONFLICT.code, LENGTH_CONFLICT.reason, number, "INFO/SVLEN")
        columns: dict[str, pa.Array | pa.ChunkedArray] = {
            column.name: pa.nulls(len(alleles), column.dtype) for column in ALLELE.columns
        }
        known = alleles.to_arrow(compat_level=pl.CompatLevel.oldest())
        columns |= {name: known[name] for name in columns if name in known.column_names}
        yield Rows(ALLELE, alleles["site"].to_numpy(), columns)


def list_alleles(
    frame: pl.DataFrame, info: Mapping[str, pa.Array], genome: Genome | None = None
) -> pl.DataFrame:
    """The alternate alleles of records, single bases first.

    Parameters
    ----------
    frame
        Columns of genomics_variant, one row per record.
    info
        Typed INFO of the same records; what it lacks is null.
    genome
        The reference that alleles are shifted against; None where there is none.

    Returns
    -------
    pl.DataFrame
        Columns of genomics_allele, without those of structural variants where no allele is one,
        and `site`: the index of the record in `frame`.
    """
    alleles = _explode(frame)
    is_structural = _is_structural(frame, info)
    is_plain = _is_plain(alleles) & ~is_structural[alleles["site"].to_numpy()]
    # A record of one base that becomes another is its own normal form, and most records are.
    plain, others = np.flatnonzero(is_plain), np.flatnonzero(~is_plain)
    snvs = alleles if not len(others) else alleles[plain]
    snvs = snvs.hstack(
        [
            snvs["variant_id"].alias("allele_id"),
            pl.repeat("snv", len(snvs), eager=True).alias("allele_type"),
            pl.repeat(True, len(snvs), eager=True).alias("is_left_aligned"),
        ]
    )
    if len(others):
        alleles = pl.concat([snvs, _normalise(alleles[others], info, genome)], how="diagonal")
    else:
        alleles = snvs
    return alleles.hstack(
        [
            spread(info, "AC", alleles, pl.Int32).alias("allele_count"),
            spread(info, "AF", alleles, pl.Float64).alias("allele_frequency"),
        ]
    )


def _explode(frame: pl.DataFrame) -> pl.DataFrame:
    """One row per alternate allele, with its number in its record."""
    count = frame["alternate_alleles"].list.len().to_numpy()
    site = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(site)) - np.repeat(np.cumsum(count) - count, count) + 1
    sites = frame.select(_SITE_COLUMNS)
    return (sites if (count == 1).all() else sites[site]).hstack(
        [
            frame["alternate_alleles"].explode().drop_nulls().alias("alternate_allele"),
            pl.Series("site", site),
            pl.Series("allele_number", number, pl.Int32),
            pl.Series("alternate_count", count[site], pl.Int32),
        ]
    )


def _is_plain(alleles: pl.DataFrame) -> np.ndarray:
    """Which are the only allele of their record, and one base for another (bool)."""
    reference, alternate = alleles["reference_allele"], alleles["alternate_allele"]
    is_one_base = (reference.str.len_bytes() == 1) & (alternate.str.len_bytes() == 1)
    return (is_one_base & (alternate != "*") & (alleles["alternate_count"] == 1)).to_numpy()


def _is_structural(frame: pl.DataFrame, info: Mapping[str, pa.Array]) -> np.ndarray:
    """Which records say themselves that they are structural variants (bool)."""
    if "SVTYPE" not in info:
        return np.zeros(len(frame), bool)
    return info["SVTYPE"].is_valid().to_numpy(zero_copy_only=False)


def _normalise(
    alleles: pl.DataFrame, info: Mapping[str, pa.Array], genome: Genome | None
) -> pl.DataFrame:
    """Trim, describe and shift alleles."""
    standing = _standing(alleles, genome)
    rows = [_describe(*row) for row in alleles.select(_NORMALISED[:3]).iter_rows()]
    schema = {**alleles.select(_NORMALISED[:3]).schema, "allele_type": pl.String}
    described = pl.DataFrame(rows, {**schema, "can_shift": pl.Boolean}, orient="row")
    alleles = alleles.with_columns(described.get_columns())
    if "SVTYPE" in info or alleles["allele_type"].is_in(STRUCTURAL_TYPES).any():
        alleles = describe_structures(alleles, info)
    else:
        unknown = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(alleles))
        alleles = alleles.hstack([unknown.alias("sv_end"), unknown.alias("sv_length")])
    return _shift(alleles, standing, genome)


def _shift(alleles: pl.DataFrame, standing: np.ndarray, genome: Genome | None) -> pl.DataFrame:
    """Shift what can be shifted and stands on the reference; say of all whether they are."""
    is_bases = alleles["alternate_allele"].str.contains("^[A-Za-z]+$").to_numpy()
    # bcftools moves a deletion of unknown length to where the contig begins.
    has_length = (alleles["sv_end"] > alleles["position"]).fill_null(False).to_numpy()
    can_shift = alleles["can_shift"].to_numpy() & (is_bases | has_length)
    is_shifted = can_shift & (standing == Standing.EQUAL)
    if genome is not None and is_shifted.any():
        moved, unmoved = np.flatnonzero(is_shifted), np.flatnonzero(~is_shifted)
        both = pl.concat([alleles[unmoved], left_align(alleles[moved], genome)])
        alleles = both[np.argsort(np.concatenate([unmoved, moved]))]
    is_known, is_aligned = pl.Series(is_shifted | is_bases), pl.Series(is_shifted | ~can_shift)
    return alleles.with_columns(
        pl.Series("allele_id", _ids(alleles)),
        pl.when(is_known).then(is_aligned).alias("is_left_aligned"),
    )


def _standing(alleles: pl.DataFrame, genome: Genome | None) -> np.ndarray:
    if genome is None:
        return np.zeros(len(alleles), np.int8)
    return genome.compare(
        alleles["chromosome"].to_numpy(),
        alleles["position"].to_numpy(),
        alleles["reference_allele"].to_list(),
    )


def _describe(position: int, reference: str, alternate: str) -> tuple[int, str, str, str, bool]:
    """An allele trimmed, its type, and whether it could be shifted."""
    if not alternate.isalpha():
        can_shift = alternate.startswith(MOVABLE)
        if can_shift:
            reference = reference[0]
        return position, reference, alternate, _symbolic_type(alternate), can_shift
    position, reference, alternate = trim(position, reference, alternate)
    can_shift = reference[-1] == alternate[-1]
    return position, reference, alternate, _type(reference, alternate), can_shift


def trim(position: int, reference: str, alternate: str) -> tuple[int, str, str]:
    """Take common bases off an allele, at the right, then at the left, leaving one of each.

    >>> trim(100, "CTT", "CT")
    (100, 'CT', 'C')
    """
    longest = min(len(reference), len(alternate)) - 1
    end = 0
    while end < longest and reference[-1 - end] == alternate[-1 - end]:
        end += 1
    start = 0
    while start < longest - end and reference[start] == alternate[start]:
        start += 1
    return (
        position + start,
        reference[start : len(reference) - end],
        alternate[start : len(alternate) - end],
    )


def _type(reference: str, alternate: str) -> str:
    """The type of a trimmed allele of bases."""
    if len(reference) == len(alternate):
        return "snv" if len(reference) == 1 else "mnv"
    # The base that is left over stands before the change, or behind it at the start of a contig.
    is_anchored = reference[0] == alternate[0] or reference[-1] == alternate[-1]
    if is_anchored and len(reference) == 1:
        return "insertion"
    return "deletion" if is_anchored and len(alternate) == 1 else "indel"


def _symbolic_type(alternate: str) -> str:
    """The type of an allele that is not bases (VCF 4.5, sections 1.6.1 and 5.4)."""
    if alternate == "*":
        return "overlapping_deletion"
    if alternate.upper() in ("<*>", "<NON_REF>"):
        return "unspecified"
    return "symbolic" if alternate[0] == "<" else "breakend"


def _ids(alleles: pl.DataFrame) -> list[str]:
    """The key of each allele."""
    columns = alleles.select(
        *("genome_build", "chromosome", "position", "reference_allele", "alternate_allele"),
        *("sv_end", "sv_length"),
    )
    return [
        f"{build or ''}-{chromosome}-{position}"
        f"-{shorten_allele(reference)}-{shorten_allele(alternate)}"
        + (f":{end or ''}:{length or ''}" if alternate[0] == "<" else "")
        for build, chromosome, position, reference, alternate, end, length in columns.iter_rows()
    ]

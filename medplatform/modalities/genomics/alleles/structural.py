"""Structural variants: what a symbolic allele, a breakend and INFO say of them.

Sections of VCF 4.5: 1.4.5 (symbolic alleles), 3 (reserved INFO keys), 5.4 (breakends).
"""

from collections.abc import Mapping

import polars as pl
import pyarrow as pa

from medplatform.modalities.genomics.reference.build import canonical_chromosome
from medplatform.modalities.genomics.rules import Rule
from medplatform.modalities.genomics.tables.allele import SV_TYPES

LENGTH_CONFLICT = Rule(
    "structural.length_conflict",
    "INFO/SVLEN",
    "END is not POS + SVLEN (VCF 4.5, section 3), so where the variant ends is not known: END was "
    "taken. Correct one of them.",
)
LENGTH_TOLERANCE = 1
"""Callers count SVLEN with or without the base before the variant."""

_ALT = pl.col("alternate_allele")
_NAME = _ALT.str.extract(r"^<([^:>]+)")
_COPIES = _NAME.str.extract(r"^CN([0-9]{1,4})$")
_HAS_MATE = _ALT.str.contains(r"[\[\]]")
_IS_BREAKEND = _HAS_MATE | _ALT.str.contains(r"^\.[A-Za-z]|[A-Za-z]\.$")
_BRACKET = _ALT.str.extract(r"([\[\]])")
_BASES = _ALT.str.replace(r"[\[\]].*[\[\]]", "").str.strip_chars(".")
_IS_AFTER = _ALT.str.contains(r"^[A-Za-z.]*[\[\]].*[\[\]]$") & ~_ALT.str.contains(r"^[\[\]]")
_MATE = _ALT.str.extract(r"[\[\]](.+)[\[\]]")

_FORM = (
    pl.when(_HAS_MATE & _IS_AFTER)
    .then(pl.concat_str(pl.lit("t"), _BRACKET, pl.lit("p"), _BRACKET))
    .when(_HAS_MATE)
    .then(pl.concat_str(_BRACKET, pl.lit("p"), _BRACKET, pl.lit("t")))
    .when(_ALT.str.starts_with("."))
    .then(pl.lit(".t"))
    .otherwise(pl.lit("t."))
)
_INSERTED = (
    pl.when(_IS_AFTER | _ALT.str.ends_with("."))
    .then(_BASES.str.slice(1))
    .otherwise(_BASES.str.head(-1))
)
# Where length and end are tied by POS + SVLEN = END; insertions lie between two bases.
_IS_SPAN = pl.col("sv_type").is_in(["DEL", "DUP", "INV", "CNV"])
_REFERENCE_END = pl.col("position").cast(pl.Int64) + pl.col("reference_allele").str.len_bytes() - 1


def describe_structures(alleles: pl.DataFrame, info: Mapping[str, pa.Array]) -> pl.DataFrame:
    """Add what is known of each structural allele.

    Parameters
    ----------
    alleles
        Alleles with `site` (index into the arrays of `info`), `allele_number`, `alternate_count`,
        `end_position` and the columns of genomics_allele that say what they are.
    info
        Typed INFO; keys that are not there say nothing.
    """
    alleles = alleles.with_columns(
        spread(info, "SVTYPE", alleles, pl.String, is_shared=True).alias("_type"),
        spread(info, "SVLEN", alleles, pl.Int64, is_shared=True).abs().alias("sv_length"),
        spread(info, "CN", alleles, pl.Float64, is_shared=True).alias("_copies"),
        _interval(info, "CIPOS", alleles).alias("position_interval"),
        _interval(info, "CIEND", alleles).alias("end_interval"),
    )
    alleles = alleles.with_columns(
        pl.when(_IS_BREAKEND)
        .then(pl.lit("BND"))
        .when(_COPIES.is_not_null())
        .then(pl.lit("CNV"))
        .otherwise(pl.coalesce(_NAME, pl.col("_type").str.extract("^([A-Z]+)")).str.to_uppercase())
        .alias("sv_type"),
        _ALT.str.extract(r"^<[^:>]+:([^>]+)>$").alias("sv_subtype"),
        pl.coalesce(pl.col("_copies"), _COPIES.cast(pl.Float64, strict=False)).alias("copy_number"),
        *(
            pl.when(_IS_BREAKEND).then(expression).alias(name)
            for name, expression in {
                "breakend_form": _FORM,
                "inserted_bases": _INSERTED,
                "mate_chromosome": _MATE.str.extract(r"^<?(.+?)>?:[0-9]+$"),
                "mate_position": _MATE.str.extract(r":([0-9]+)$").cast(pl.Int32, strict=False),
            }.items()
        ),
    )
    is_change = ~pl.col("allele_type").is_in(["overlapping_deletion", "unspecified"])
    known = pl.when(pl.col("sv_type").is_in(SV_TYPES) & is_change).then(pl.col("sv_type"))
    return (
        alleles.with_columns(known.alias("sv_type"))
        .with_columns(
            _end().alias("sv_end"),
            pl.col("mate_chromosome").map_elements(canonical_chromosome, return_dtype=pl.String),
        )
        .drop("_type", "_copies")
    )


def _end() -> pl.Expr:
    """The last base: END speaks for the whole record, so lengths go first in one of several."""
    by_length = pl.when(_IS_SPAN).then(pl.col("position").cast(pl.Int64) + pl.col("sv_length"))
    given = pl.col("end_position").cast(pl.Int64)
    end = (
        pl.when(pl.col("alternate_count") > 1)
        .then(pl.coalesce(by_length, given, _REFERENCE_END))
        .otherwise(pl.coalesce(given, by_length, _REFERENCE_END))
    )
    return pl.when(pl.col("sv_type").is_not_null()).then(end)


def disagreeing_lengths(alleles: pl.DataFrame) -> list[int]:
    """Which sites have an END that is not POS + SVLEN, of those with one, symbolic, allele."""
    if "sv_type" not in alleles.columns:
        return []
    by_length = pl.col("position").cast(pl.Int64) + pl.col("sv_length")
    difference = (pl.col("end_position").cast(pl.Int64) - by_length).abs()
    is_wrong = _IS_SPAN & (pl.col("alternate_count") == 1) & (difference > LENGTH_TOLERANCE)
    return alleles.filter(is_wrong & pl.col("allele_type").eq("symbolic"))["site"].to_list()


def spread(
    info: Mapping[str, pa.Array],
    key: str,
    alleles: pl.DataFrame,
    dtype: type[pl.DataType],
    *,
    is_shared: bool = False,
) -> pl.Series:
    """The value of an INFO key for each allele: the one of its number where there are as many.

    With `is_shared`, a single value is that of all alleles of the record.
    """
    values = _gather(info, key, alleles)
    if values is None:
        return pl.Series(key, [None], dtype).new_from_index(0, len(alleles))
    if isinstance(values.dtype, pl.List):
        count, number = pl.col("alternate_count"), pl.col("allele_number")
        size = pl.col("value").list.len()
        shared = pl.when(size == 1).then(pl.col("value").list.get(0, null_on_oob=True))
        own = pl.when(size == count).then(pl.col("value").list.get(number - 1, null_on_oob=True))
        values = alleles.select("alternate_count", "allele_number", value=values).select(
            (pl.coalesce(own, shared) if is_shared else own).alias(key)
        )[key]
    elif not is_shared:
        values = alleles.select(pl.when(pl.col("alternate_count") == 1).then(values).alias(key))[
            key
        ]
    return values.cast(dtype, strict=False)


def _interval(info: Mapping[str, pa.Array], key: str, alleles: pl.DataFrame) -> pl.Series:
    """The two bounds of each allele: shared, or as many pairs as alleles (VCF 4.4)."""
    values = _gather(info, key, alleles)
    if values is None or not isinstance(values.dtype, pl.List):
        return pl.Series(key, [None], pl.List(pl.Int32)).new_from_index(0, len(alleles))
    value, size = pl.col("value"), pl.col("value").list.len()
    own = value.list.slice(2 * (pl.col("allele_number") - 1), 2)
    return alleles.select("alternate_count", "allele_number", value=values).select(
        pl.when(size == 2)
        .then(value)
        .when(size == 2 * pl.col("alternate_count"))
        .then(own)
        .cast(pl.List(pl.Int32), strict=False)
        .alias(key)
    )[key]


def _gather(info: Mapping[str, pa.Array], key: str, alleles: pl.DataFrame) -> pl.Series | None:
    """The values of a key at the site of each allele, None where no record has it."""
    array = info.get(key)
    if array is None or array.null_count == len(array):
        return None
    values = pl.Series(key, array)
    return values.gather(alleles["site"])

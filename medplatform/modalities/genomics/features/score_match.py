"""What variants of scoring files are in the lake: records that match them, and reference blocks."""

import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.coverage import LAST_POSITION, find_covered
from medplatform.modalities.genomics.features.genotyped import MATCH_COLUMNS, scan_genotyped
from medplatform.modalities.genomics.tables import VARIANT

_PLACE = ["genome_build", "chromosome", "position"]
_EFFECT, _OTHER, _REFERENCE = (
    pl.col(name) for name in ("effect_allele", "other_allele", "reference_allele")
)
_IS_SINGLE_BASE = ((_EFFECT.str.len_bytes() == 1) & (_OTHER.str.len_bytes() == 1)).fill_null(False)


def match_records(lake: Lake, variants: pl.DataFrame) -> pl.DataFrame:
    """The records that variants of scores match.

    Parameters
    ----------
    variants
        number, genome_build, and the columns of `ScoringFile.variants`.

    Returns
    -------
    One row per variant and cohort that has it: `genotyped.MATCH_COLUMNS`; `allele` is the index
    of the effect allele.
    """
    if variants.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(MATCH_COLUMNS, pl.String))
    wanted = _with_complements(variants)
    found = (
        scan_genotyped(lake)
        .select(
            *_PLACE,
            *("delivery", "cohort_id", "variant_id"),
            pl.concat_list("reference_allele", "alternate_alleles").alias("alleles"),
        )
        .join(wanted.lazy(), on=_PLACE)
        .filter(_OTHER.is_null() | (pl.col("alleles").list.contains(_OTHER) & (_OTHER != _EFFECT)))
        .with_columns(allele=pl.int_ranges(pl.col("alleles").list.len(), dtype=pl.Int32))
        .explode("alleles", "allele")
        .filter(pl.col("alleles") == _EFFECT)
        .collect(engine="streaming")
    )
    match = ["number", "delivery", "cohort_id"]
    return (
        found.filter(pl.col("is_complement") == pl.col("is_complement").min().over(match))
        .filter(pl.len().over(match) == 1)
        .select(MATCH_COLUMNS)
    )


def match_blocks(lake: Lake, variants: pl.DataFrame) -> pl.DataFrame:
    """The patients whom a reference block covers at variants of scores.

    Which allele is the reference, a block says of its first base, and any record of the lake of
    its own. The base tells two alleles of one base apart; of others, only a record of both.

    Parameters
    ----------
    variants
        As for `match_records`. Those that do not state the other allele match no block.

    Returns
    -------
    One row per variant and patient: number, patient_id, copies (of the effect allele, int8).
    """
    if variants.is_empty():
        return pl.DataFrame(schema={"number": pl.Int64})
    written = _with_complements(variants).select(
        "number", *_PLACE, "effect_allele", "other_allele", "is_complement"
    )
    from_records = _find_references(lake, written)
    bases = written.filter(_IS_SINGLE_BASE)
    places = pl.concat(
        [
            bases.select("number", *_PLACE, pl.col("position").alias("last_position")),
            _choose(from_records).filter(~_IS_SINGLE_BASE).select("number", *_PLACE, LAST_POSITION),
        ]
    ).unique("number")
    covered = find_covered(lake, places)
    begun = covered.select("number", reference_allele="reference_base").drop_nulls().unique()
    from_blocks = bases.join(begun, on="number").select(from_records.columns)
    known = _choose(pl.concat([from_records, from_blocks]))
    copies = pl.when(_EFFECT == _REFERENCE).then("ploidy").otherwise(0).cast(pl.Int8)
    return covered.join(known, on="number").select("number", "patient_id", copies.alias("copies"))


def _find_references(lake: Lake, written: pl.DataFrame) -> pl.DataFrame:
    """The variants with `reference_allele`, by each record that tells it."""
    alternates = pl.col("alternate_alleles")
    has_both = (alternates.list.contains(_EFFECT) & (_REFERENCE == _OTHER)) | (
        alternates.list.contains(_OTHER) & (_REFERENCE == _EFFECT)
    )
    base = pl.when(_IS_SINGLE_BASE).then(_REFERENCE.str.head(1)).otherwise(_REFERENCE)
    return (
        lake.scan(VARIANT)
        .select(*_PLACE, "reference_allele", "alternate_alleles")
        .join(written.lazy(), on=_PLACE)
        .filter(_IS_SINGLE_BASE | has_both)
        .select(*written.columns, base.alias("reference_allele"))
        .unique()
        .collect(engine="streaming")
    )


def _choose(references: pl.DataFrame) -> pl.DataFrame:
    """Variants of which one allele is the reference, the same by all that tell it.

    A repeat may be written as an insertion and as a deletion of the same two alleles.
    """
    fitting = references.filter((_EFFECT == _REFERENCE) | (_OTHER == _REFERENCE)).unique()
    return fitting.filter(
        pl.col("is_complement") == pl.col("is_complement").min().over("number")
    ).filter(pl.len().over("number") == 1)


def _with_complements(variants: pl.DataFrame) -> pl.DataFrame:
    """The variants and, for single bases that are not palindromic, their other strand."""
    bases, complements = ["A", "C", "G", "T"], ["T", "G", "C", "A"]
    alleles = pl.col("effect_allele", "other_allele")
    flipped = variants.filter(
        pl.col("effect_allele").is_in(bases),
        pl.col("other_allele").is_in(bases),
        pl.col("effect_allele").replace(bases, complements) != pl.col("other_allele"),
    ).with_columns(alleles.replace(bases, complements))
    return pl.concat(
        [
            variants.with_columns(is_complement=pl.lit(False)),
            flipped.with_columns(is_complement=pl.lit(True)),
        ]
    )

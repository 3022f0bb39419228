"""The rows of a scoring file: what each says of a variant, and why one is to be skipped.

Not here: the header of the file, and which rows repeat others, see `score_repeats`.
"""

import polars as pl

from medplatform.modalities.genomics.reference.build import canonical_chromosome

SKIPS = {
    "haplotype": "weighs several variants on one chromosome (is_haplotype)",
    "diplotype": "weighs several variants on both chromosomes (is_diplotype)",
    "interaction": "weighs variants by one another (is_interaction)",
    "contradiction": "is both dominant and recessive",
    "no_position": "has no place in the genome build (as HLA alleles, or not harmonized)",
    "no_bases": "has an allele that is no bases (as P and N of HLA alleles, I and D, a dash)",
    "same_alleles": "has the effect allele as its other allele",
    "duplicate": "repeats an earlier row, or writes its variant in another way",
}
"""Why a row is skipped."""

DOSAGE_WEIGHTS = ("dosage_0_weight", "dosage_1_weight", "dosage_2_weight")

_KINDS = tuple(SKIPS)[:3]
_FLAGS = tuple(f"is_{name}" for name in (*_KINDS, "dominant", "recessive"))
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_OTHER_ALLELE = ("other_allele", "hm_inferOtherAllele", "reference_allele")
_BASES = "^[ACGTN]+$"
_CANDIDATES = "^[ACGTN]+([/,|][ACGTN]+)+$"
"""Several alleles, of which one is the other allele: which one is not stated."""


def read_rows(table: pl.DataFrame, chromosome: str, position: str) -> pl.DataFrame:
    """All rows of a file, with the reason where one is to be skipped, whatever the others are.

    Parameters
    ----------
    table
        The columns of the file, as text.
    chromosome, position
        The columns of the place.

    Returns
    -------
    Columns of `ScoringFile.variants`, and skip: one of SKIPS but for duplicate, or null.
    """
    weights = [_number(table, name) for name in DOSAGE_WEIGHTS]
    names = table[chromosome].unique().drop_nulls()
    rows = table.select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
        pl.col(chromosome).replace({n: canonical_chromosome(n) for n in names}).alias("chromosome"),
        # Of a column with empty cells, pandas writes the whole numbers as 1000.0.
        pl.col(position).str.replace(r"\.0+$", "").cast(pl.Int32, strict=False).alias("position"),
        pl.col("effect_allele").str.to_uppercase(),
        _other_allele(table).alias("other_allele"),
        _effect(table).alias("effect"),
        _number(table, "effect_weight").alias("effect_weight"),
        pl.when(pl.all_horizontal(weight.is_finite() for weight in weights))
        .then(pl.concat_list(weights))
        .alias("dosage_weights"),
        *(_flag(table, f"is_{name}").alias(name) for name in _KINDS),
        (_flag(table, "is_dominant") & _flag(table, "is_recessive")).alias("contradiction"),
    )
    is_dosage = pl.col("effect_weight").is_null() & pl.col("dosage_weights").is_not_null()
    effect, other = pl.col("effect_allele"), pl.col("other_allele")
    rows = rows.with_columns(
        pl.when(is_dosage).then(pl.lit("dosage")).otherwise("effect").alias("effect"),
        pl.when(is_dosage).then("dosage_weights").alias("dosage_weights"),
        no_position=pl.any_horizontal(pl.col("chromosome", "position").is_null()),
        no_bases=~(effect.fill_null("").str.contains(_BASES) & _is_bases_or_open(other)),
        same_alleles=(effect == other).fill_null(False),
    )
    reasons = [name for name in SKIPS if name != "duplicate"]
    reason = pl.coalesce(pl.when(pl.col(name)).then(pl.lit(name)) for name in reasons)
    return rows.with_columns(skip=reason).drop(reasons)


def find_unclear_flag(table: pl.DataFrame) -> tuple[str, str] | None:
    """The first column of flags that has a text which is neither true nor false, and that text."""
    for name in _FLAGS:
        if name in table.columns:
            texts = table.select(_text(name).unique()).to_series().drop_nulls().sort()
            unclear = [text for text in texts if text not in (*_TRUE, *_FALSE, "")]
            if unclear:
                return name, unclear[0]
    return None


def has_weight() -> pl.Expr:
    """Whether a row has the weight that its kind of effect asks for."""
    is_number = pl.col("effect_weight").is_finite().fill_null(False)
    return is_number | (pl.col("effect") == "dosage")


def _effect(table: pl.DataFrame) -> pl.Expr:
    return (
        pl.when(_flag(table, "is_dominant"))
        .then(pl.lit("dominant"))
        .when(_flag(table, "is_recessive"))
        .then(pl.lit("recessive"))
        .otherwise(pl.lit("additive"))
    )


def _other_allele(table: pl.DataFrame) -> pl.Expr:
    """The other allele by the first column that states one, be it bases or not."""
    cells = [
        pl.col(name).str.strip_chars().str.to_uppercase()
        for name in _OTHER_ALLELE
        if name in table.columns
    ]
    stated = (pl.when((cell != "") & ~cell.str.contains(_CANDIDATES)).then(cell) for cell in cells)
    return pl.coalesce(*stated, pl.lit(None, pl.String))


def _is_bases_or_open(allele: pl.Expr) -> pl.Expr:
    return allele.is_null() | allele.str.contains(_BASES)


def _number(table: pl.DataFrame, name: str) -> pl.Expr:
    if name not in table.columns:
        return pl.lit(None, pl.Float64)
    return pl.col(name).cast(pl.Float64, strict=False)


def _flag(table: pl.DataFrame, name: str) -> pl.Expr:
    if name not in table.columns:
        return pl.lit(False)
    return _text(name).is_in(_TRUE).fill_null(False)


def _text(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars().str.to_lowercase()

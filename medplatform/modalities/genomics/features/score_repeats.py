"""Which rows of a score repeat an earlier one, so that a variant counts once.

Rows repeat each other that have the same effect allele, other allele and kind of effect. A row that
leaves the other allele open repeats those that state it: what it matches has the same copies. Some
rows are seen to be one variant in the records alone that they match, as those on either strand.
The first row counts, whatever the weights of the others.
"""

from collections.abc import Sequence

import polars as pl

from medplatform.modalities.genomics.features.score_forms import FORM, VARIANT

MATCHED_ALLELES = VARIANT[1:]
"""The form in which a variant matches a record: columns beside `genotyped.MATCH_COLUMNS`."""

_IS_OPEN = pl.col("other_allele").is_null()


def share_forms(variants: pl.DataFrame, forms: pl.DataFrame) -> pl.DataFrame:
    """The forms of variants, those of one variant and effect under the first of its rows alone.

    Parameters
    ----------
    variants
        row, and effect.
    forms
        As `find_forms` gives them.
    """
    effect_length, other_length = (pl.col(name).str.len_bytes() for name in VARIANT[2:])
    # An open row is of alleles of one length: an indel at its place is another variant.
    place = ["effect", *VARIANT[:3], "is_effect_reference", "other_length"]
    shared = (
        forms.unique("row", keep="last", maintain_order=True)
        .join(variants.select("row", "effect"), on="row")
        .with_columns(other_length=other_length.fill_null(effect_length))
        .select("row", first_row=_first_of("row", place))
    )
    return (
        forms.join(shared, on="row")
        # What the first row states holds for it, though a later one leaves it open.
        .filter(~_IS_OPEN | (pl.col("row") == pl.col("first_row")))
        .with_columns(row="first_row")
        .select(FORM)
        .unique()
    )


def find_repeats(matches: pl.DataFrame, variants: pl.DataFrame) -> pl.Series:
    """The numbers of variants that repeat an earlier one in a record that both match.

    Parameters
    ----------
    matches
        As `score_match.match_records` gives them.
    variants
        number, score, effect.
    """
    if matches.is_empty():
        return pl.Series(dtype=pl.Int64)
    allele = ["score", "effect", "delivery", "cohort_id", "variant_id", "allele"]
    return (
        matches.join(variants.select("number", "score", "effect"), on="number")
        .filter(pl.struct(allele).is_duplicated())
        .select("number", first=_first_of("number", allele))
        .filter(pl.col("number") != pl.col("first"))["number"]
        .unique()
    )


def _first_of(row: str, place: Sequence[str]) -> pl.Expr:
    """The first row of the variant of each.

    That is the first of the same alleles, but the first at all of the place where one of the two
    leaves its other allele open.
    """
    first = pl.col(row).min()
    begins_open = pl.col(row).filter(_IS_OPEN).min().over(place) == first.over(place)
    alike = first.over([*place, *(name for name in MATCHED_ALLELES if name not in place)])
    return pl.when(_IS_OPEN | begins_open).then(first.over(place)).otherwise(alike)

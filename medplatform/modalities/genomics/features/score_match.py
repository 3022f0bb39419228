"""What variants of scoring files are in the lake: records that match them, and reference blocks."""

import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.features.coverage import LAST_POSITION, find_covered
from medplatform.modalities.genomics.features.genotyped import MATCH_COLUMNS, scan_genotyped
from medplatform.modalities.genomics.features.score_forms import with_complements
from medplatform.modalities.genomics.features.score_repeats import MATCHED_ALLELES
from medplatform.modalities.genomics.features.score_sites import BASES, PLACE, find_sites
from medplatform.modalities.genomics.tables import VARIANT

_EFFECT, _OTHER, _REFERENCE = (
    pl.col(name) for name in ("effect_allele", "other_allele", "reference_allele")
)
_ALTERNATES = pl.col("alternate_alleles")
_IS_EFFECT_REFERENCE = pl.col("is_effect_reference")
_IS_SINGLE_BASE = ((_EFFECT.str.len_bytes() == 1) & (_OTHER.str.len_bytes() == 1)).fill_null(False)
_ALLELES = ("number", *PLACE, "effect_allele", "other_allele", "is_effect_reference")
_MATCH = (*MATCH_COLUMNS, *MATCHED_ALLELES)


def match_records(lake: Lake, forms: pl.DataFrame) -> pl.DataFrame:
    """The records that variants of scores match.

    Parameters
    ----------
    forms
        Of the variants: number, genome_build, and the columns of `ScoringFile.forms`.

    Returns
    -------
    Rows per variant and cohort that has it: `genotyped.MATCH_COLUMNS`; `allele` is the index of an
    allele whose copies count, of one record. There are several where the effect allele is a
    reference base that other alleles of the record leave as it is. MATCHED_ALLELES are those of the
    variant in the form, on the strand and at the first position in which the record has it.
    """
    if forms.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(_MATCH, pl.String) | {"number": pl.Int64})
    wanted = with_complements(forms.select(_ALLELES))
    sites = find_sites(lake, scan_genotyped(lake), wanted)
    found = pl.concat([_match(site, wanted) for site in sites]).collect(engine="streaming")
    match = ["number", "delivery", "cohort_id"]
    # A record may say the same in both forms, and then it is one match.
    is_same = [*match, "variant_id", "allele"]
    matched = (
        found.filter(pl.col("is_complement") == pl.col("is_complement").min().over(match))
        .sort("is_left", "position", descending=[True, False])
        .unique(is_same, keep="first")
        .filter(pl.len().over(match) == 1)
    )
    return pl.concat([matched.select(_MATCH), _leaving_base(matched)])


def _match(sites: pl.LazyFrame, wanted: pl.DataFrame) -> pl.LazyFrame:
    """The alleles of sites that are effect alleles of variants."""
    alleles = pl.concat_list("reference_allele", "alternate_alleles")
    numbers = pl.concat_list(pl.lit(0, pl.Int32), "allele_numbers")
    return (
        sites.join(wanted.lazy(), on=PLACE)
        .with_columns(alleles.alias("effects"), numbers.alias("allele"))
        .filter(_OTHER.is_null() | (pl.col("effects").list.contains(_OTHER) & (_OTHER != _EFFECT)))
        .explode("effects", "allele")
        .filter(pl.col("effects") == _EFFECT, _is_told())
        .with_columns(is_left=_may_be_left())
        .select(
            *(*_MATCH, "is_complement", "is_left"),
            pl.when("is_left").then("record_reference").alias("record_reference"),
            pl.when("is_left").then("record_alternates").alias("record_alternates"),
            (pl.col("position") - pl.col("record_position")).alias("offset"),
        )
    )


def _is_told() -> pl.Expr:
    """Whether a site tells that an allele of the same text is the effect allele.

    Without the other allele, `A` is a base: of `AT A` it is the reference, of `A AT` too. Two
    alternate alleles are alleles of one variant only if both are of the length of the reference.
    Where the sequence tells which allele is the reference, it is the REF of the site.
    """
    length, reference_length = _EFFECT.str.len_bytes(), _REFERENCE.str.len_bytes()
    lengths = _ALTERNATES.list.eval(
        pl.element().filter(pl.element().str.contains(BASES)).str.len_bytes()
    )
    is_reference = pl.col("allele") == 0
    is_replaced = (lengths.list.len() == 0) | lengths.list.contains(reference_length)
    is_as_long = length == reference_length
    alone = pl.when(is_reference).then(is_replaced).otherwise(is_as_long)
    are_alternates = is_as_long & (_OTHER.str.len_bytes() == length)
    stated = is_reference | (_OTHER == _REFERENCE) | are_alternates
    is_fitting = (is_reference == _IS_EFFECT_REFERENCE).fill_null(True)
    return pl.when(_OTHER.is_null()).then(alone).otherwise(stated & is_fitting)


def _may_be_left() -> pl.Expr:
    """Whether the effect allele is a reference base, and other alleles may leave it as it is."""
    is_base = (_EFFECT.str.len_bytes() == 1) & (_OTHER.str.len_bytes().fill_null(1) == 1)
    return is_base & (pl.col("allele") == 0) & (pl.col("record_alternates").list.len() > 1)


def _leaving_base(matched: pl.DataFrame) -> pl.DataFrame:
    """The alternate alleles that leave a reference base as it is, which is the effect allele.

    Of `AT GT,A` the deletion has the base `A`, of `A G,AT` the insertion.
    """
    alternate, offset = pl.col("record_alternates"), pl.col("offset")
    reference = pl.col("record_reference")
    return (
        matched.filter("is_left")
        .with_columns(allele=pl.int_ranges(1, alternate.list.len() + 1, dtype=pl.Int32))
        .explode("record_alternates", "allele")
        .filter(
            alternate.str.starts_with(reference.str.head(offset + 1))
            | alternate.str.ends_with(reference.str.slice(offset))
        )
        .select(_MATCH)
    )


def match_blocks(lake: Lake, forms: pl.DataFrame) -> pl.DataFrame:
    """The patients whom a reference block covers at variants of scores.

    Which allele is the reference, a block says of its first base, and any record of the lake of
    its own. The base tells two alleles of one base apart; of others, only a record of both.

    Parameters
    ----------
    forms
        As for `match_records`. Variants that do not state the other allele match no block.

    Returns
    -------
    One row per variant and patient: number, patient_id, copies (of the effect allele, int8).
    """
    if forms.is_empty():
        return pl.DataFrame(schema={"number": pl.Int64})
    written = with_complements(forms.filter("is_normal").select(_ALLELES))
    from_records = _find_references(lake, written)
    bases = written.filter(_IS_SINGLE_BASE)
    places = pl.concat(
        [
            bases.select("number", *PLACE, pl.col("position").alias("last_position")),
            _choose(from_records).filter(~_IS_SINGLE_BASE).select("number", *PLACE, LAST_POSITION),
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
    is_other = _ALTERNATES.list.contains(_EFFECT) & (_REFERENCE == _OTHER)
    is_effect = _ALTERNATES.list.contains(_OTHER) & (_REFERENCE == _EFFECT)
    has_both = (is_effect & _IS_EFFECT_REFERENCE.fill_null(True)) | (
        is_other & ~_IS_EFFECT_REFERENCE.fill_null(False)
    )
    base = pl.when(_IS_SINGLE_BASE).then(_REFERENCE.str.head(1)).otherwise(_REFERENCE)
    records = lake.scan(VARIANT).with_columns(cohort_id="source_id")
    return (
        pl.concat(find_sites(lake, records, written))
        .join(written.lazy(), on=PLACE)
        .filter(_IS_SINGLE_BASE | has_both)
        .select(*written.columns, base.alias("reference_allele"))
        .unique()
        .collect(engine="streaming")
    )


def _choose(references: pl.DataFrame) -> pl.DataFrame:
    """Variants of which one allele is the reference, the same by all that tell it.

    A repeat may be written as an insertion and as a deletion of the same two alleles. Of several
    forms of a variant the first in the genome is taken.
    """
    fitting = references.filter((_EFFECT == _REFERENCE) | (_OTHER == _REFERENCE)).unique()
    return (
        fitting.filter(pl.col("is_complement") == pl.col("is_complement").min().over("number"))
        .filter((_EFFECT == _REFERENCE).n_unique().over("number") == 1)
        .sort("position")
        .unique("number", keep="first", maintain_order=True)
    )

"""What ClinVar says of an allele: how bad it is, and by how sure a reviewer."""

import polars as pl

PATHOGENIC = ("pathogenic", "likely_pathogenic")
"""The classes that count as a finding."""

SIGNIFICANCES = (
    *PATHOGENIC,
    "conflicting",
    "uncertain_significance",
    "likely_benign",
    "benign",
    "other",
)

# https://www.ncbi.nlm.nih.gov/clinvar/docs/review_status
_STARS = {
    "practice_guideline": 4,
    "reviewed_by_expert_panel": 3,
    "criteria_provided,_multiple_submitters,_no_conflicts": 2,
    "criteria_provided,_multiple_submitters": 2,
    "criteria_provided,_single_submitter": 1,
    "criteria_provided,_conflicting_interpretations": 1,
    "criteria_provided,_conflicting_classifications": 1,
    # Before June 2017.
    "guideline": 4,
    "exp": 3,
    "mult": 2,
    "single": 1,
    "conf": 1,
}
_NUMBERS = {
    "0": "uncertain_significance",
    "1": "not_provided",
    "2": "benign",
    "3": "likely_benign",
    "4": "likely_pathogenic",
    "5": "pathogenic",
    "6": "drug_response",
    "7": "histocompatibility",
    "255": "other",
}
_BENIGN = ("benign", "likely_benign")


def expand_numbers(rows: pl.DataFrame) -> pl.DataFrame:
    """Before 2017, values are lists over the alleles that CLNALLE names (0 is REF, -1 unknown)."""
    lists = ["significance", "review", "conditions"]
    numbers = pl.col("numbers").str.split(",").cast(pl.List(pl.Int32), strict=False)
    place = numbers.list.eval(pl.element()).alias("places")
    rows = rows.with_columns(place)
    old = rows.filter(pl.col("numbers").is_not_null())
    if old.is_empty():
        return rows
    old = old.with_columns(pl.col(lists).str.split(",")).explode(["places", *lists])
    old = old.filter(pl.col("places") == pl.col("allele_number"))
    words = pl.col("significance").str.split("|").list.eval(pl.element().replace(_NUMBERS))
    old = old.with_columns(words.list.join("|").alias("significance"))
    new = rows.filter(pl.col("numbers").is_null())
    return pl.concat([new.drop("places"), old.drop("places")])


def significance(classification: pl.Expr) -> pl.Expr:
    """One of SIGNIFICANCES: the strongest claim of a classification, or that claims conflict."""
    claims = classification.str.to_lowercase().str.replace_all(r"[|,;&]", "/").str.split("/")

    def claims_any(*names: str) -> pl.Expr:
        return claims.list.eval(pl.element().is_in(names)).list.any()

    is_uncertain = claims_any("uncertain_significance")
    is_bad, is_benign = claims_any(*PATHOGENIC), claims_any(*_BENIGN)
    conflicts = is_bad.cast(pl.Int8) + is_benign.cast(pl.Int8) + is_uncertain.cast(pl.Int8) > 1
    is_conflicting = claims.list.eval(pl.element().str.starts_with("conflicting")).list.any()
    chosen = pl.when(is_conflicting | conflicts).then(pl.lit("conflicting"))
    for name in (*PATHOGENIC, "uncertain_significance", "benign", "likely_benign"):
        chosen = chosen.when(claims_any(name)).then(pl.lit(name))
    return chosen.otherwise(pl.lit("other"))


def stars(review: pl.Expr) -> pl.Expr:
    """Stars of the review status; the best where several submitters are listed."""
    whole = review.str.to_lowercase().replace_strict(_STARS, default=None, return_dtype=pl.Int32)
    parts = (
        review.str.to_lowercase()
        .str.split("|")
        .list.eval(pl.element().replace_strict(_STARS, default=0, return_dtype=pl.Int32))
    )
    return pl.coalesce(whole, parts.list.max(), pl.lit(0, pl.Int32))

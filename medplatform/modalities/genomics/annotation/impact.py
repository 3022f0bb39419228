"""The impact of a consequence, where the tool does not state it.

Terms are those of the Sequence Ontology as Ensembl ranks them
(https://www.ensembl.org/info/genome/variation/prediction/predicted_data.html), and those of
bcftools csq, which leaves out the end `_variant`.
"""

import polars as pl

IMPACTS = ("HIGH", "MODERATE", "LOW", "MODIFIER")

_TERMS = {
    "HIGH": "transcript_ablation splice_acceptor splice_donor stop_gained frameshift stop_lost "
    "start_lost transcript_amplification feature_elongation feature_truncation",
    "MODERATE": "inframe_insertion inframe_deletion inframe_altering missense protein_altering",
    "LOW": "splice_donor_5th_base splice_region splice_donor_region splice_polypyrimidine_tract "
    "incomplete_terminal_codon start_retained stop_retained synonymous",
}
_RANK = {term: rank for rank, terms in enumerate(_TERMS.values()) for term in terms.split()}


def impact_of(consequences: pl.Expr) -> pl.Expr:
    """The strongest impact of a list of terms; null where the list is.

    A term with an asterisk lies behind a stop codon, and changes nothing (bcftools csq).
    """
    ranks = consequences.list.eval(
        pl.element()
        .str.strip_suffix("_variant")
        .replace_strict(_RANK, default=len(_RANK), return_dtype=pl.Int32)
    )
    names = dict(enumerate(IMPACTS[:3]))
    strongest = ranks.list.min().replace_strict(names, default=IMPACTS[3], return_dtype=pl.String)
    return pl.when(consequences.list.len() > 0).then(strongest)

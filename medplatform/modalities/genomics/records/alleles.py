"""REF and ALT of records: upper case, as lists, with the rules that they must satisfy."""

import re
from collections.abc import Mapping

import numpy as np
import polars as pl

from medplatform.modalities.genomics import rules
from medplatform.modalities.genomics.records.fields import Fields
from medplatform.modalities.genomics.records.texts import Texts, scrub_series
from medplatform.modalities.genomics.rules import Masks

# IUPAC codes other than N must be reduced to a base (VCF 4.5, section 1.6.1, REF).
_BASES = "[ACGTNacgtn]"
_ALLELE = (
    rf"(?:{_BASES}+|\*|<[^<>,\s]+>|\.{_BASES}+|{_BASES}+\."
    rf"|[\[\]][^\[\],\s]+[\[\]](?:{_BASES}+|\.)|(?:{_BASES}+|\.)[\[\]][^\[\],\s]+[\[\]])"
)
_ALLELES = rf"^(?:\.|{_ALLELE}(?:,{_ALLELE})*)$"
_SYMBOLS = r"[<\[\]]"
_SYMBOL = re.compile(r"(<[^<>]*>|[\[\]][^\[\]]*[\[\]])")
"""What of ALT is no bases: symbolic alleles, and the mates of breakends."""
SYMBOLIC = r"<[^<>,\s]+>"


def read_alleles(
    fields: Fields, alternates: Texts, names: Mapping[str, str]
) -> tuple[pl.DataFrame, np.ndarray, np.ndarray, Masks]:
    """Read REF and ALT.

    Returns
    -------
    frame
        Columns reference_allele, alternates (ALT as one text) and alternate_alleles.
    is_symbolic, has_symbol
        Records with a symbolic allele or a breakend, and those with the former (bool).
    broken
        Records that break a rule.
    """
    references = Texts(fields.column("REF"))
    reference = references.texts.str.to_uppercase()
    is_symbolic = alternates.texts.str.contains(_SYMBOLS)
    is_missing = alternates.texts == "."
    allele = alternates.texts.str.to_uppercase()
    if is_symbolic.any():
        places = is_symbolic.arg_true()
        allele = allele.scatter(places, _write_symbols(alternates.texts.gather(places), names))
    lists = pl.select(
        pl.when(is_missing).then(pl.lit([], pl.List(pl.String))).otherwise(allele.str.split(","))
    ).to_series()
    per_record = references.gather(reference)
    alternate = alternates.gather(allele)
    is_repeated = (per_record == alternate).to_numpy().copy()
    several = np.flatnonzero((alternates.gather(lists.list.len()) > 1).to_numpy())
    if len(several):
        listed = lists.gather(alternates.codes[several])
        is_repeated[several] = (
            (listed.list.n_unique() < listed.list.len())
            | pl.select(listed.list.contains(per_record.gather(several))).to_series()
        ).to_numpy()
    broken: Masks = [
        (rules.REFERENCE, references.spread(~references.texts.str.contains(f"^{_BASES}+$"))),
        (rules.ALTERNATE, alternates.spread(~alternates.texts.str.contains(_ALLELES))),
        (rules.REPEATED, is_repeated),
    ]
    frame = pl.DataFrame(
        [
            per_record.alias("reference_allele"),
            alternate.alias("alternates"),
            alternates.gather(lists).alias("alternate_alleles"),
        ]
    )
    has_symbol = alternates.texts.str.contains("<", literal=True)
    return frame, alternates.spread(is_symbolic), alternates.spread(has_symbol), broken


def _write_symbols(alternates: pl.Series, names: Mapping[str, str]) -> list[str]:
    """ALT with bases in upper case, and what stands between them as it is, without names."""
    parts = [_SYMBOL.split(text) for text in alternates]
    symbols = pl.Series([symbol for split in parts for symbol in split[1::2]], dtype=pl.String)
    kept = iter(scrub_series(symbols, names))
    return [
        "".join(next(kept) if place % 2 else part.upper() for place, part in enumerate(split))
        for split in parts
    ]

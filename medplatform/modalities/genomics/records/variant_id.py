"""The key of a record: build, chromosome, position and alleles, as text that can be read.

`GRCh38-22-16050075-A-G`; nothing stands before the first hyphen where the build is not known.
Several alternate alleles are joined by commas, and symbolic ones, which say too little by
themselves, are followed by their extent: `GRCh38-1-100-A-<DEL>:200:-100` for END and SVLEN.
"""

import hashlib

import numpy as np
import polars as pl

from medplatform.modalities.genomics.info.items import Items

MAX_ALLELE_CHARACTERS = 64
"""Longer alleles are named by their digest."""
EXTENT_KEYS = ("END", "SVLEN")
_EXTENT = r"^(?:\.,)*[+-]?[0-9]{1,10}(?:,(?:\.|[+-]?[0-9]{1,10}))*$"
"""One integer or more: what else a file has there might name people, and is not of a key."""
_DIGEST_BYTES = 16
_SEED = 1


def name_variants(
    build: str | None, frame: pl.DataFrame, alternates: pl.Series, extents: pl.Series | None
) -> pl.Series:
    """The keys of records.

    Parameters
    ----------
    frame
        Columns chromosome, position and reference_allele.
    alternates
        ALT of each record, bases in upper case.
    extents
        As `read_extents` gives them.
    """
    parts = frame.select("chromosome", "position", "reference_allele").with_columns(
        _shorten(frame["reference_allele"]), _shorten(alternates).alias("alternates")
    )
    names = parts.select(
        pl.format(
            f"{build or ''}-{{}}-{{}}-{{}}-{{}}",
            "chromosome",
            "position",
            "reference_allele",
            "alternates",
        )
    ).to_series()
    if extents is None:
        return names
    return pl.select(
        pl.when(extents.is_null()).then(names).otherwise(pl.format("{}:{}", names, extents))
    ).to_series()


def read_extents(items: Items, is_symbolic: np.ndarray) -> pl.Series | None:
    """END and SVLEN of records with symbolic alleles, null for others; None where there are none.

    Symbolic alleles of the same place differ in where they end or how long they are. Values that
    are no integers say nothing.
    """
    known = [key for key in EXTENT_KEYS if key in items.keys]
    if not known or not is_symbolic.any():
        return None
    texts = []
    for key in known:
        values = items.values(key)
        of_record = np.full(items.count, -1)
        of_record[values.sites] = np.arange(len(values))
        places = pl.Series(of_record).replace_strict({-1: None}, default=pl.first())
        extents = pl.Series(key, values.texts, dtype=pl.String)
        extents = extents.set(~extents.str.contains(_EXTENT), None)
        texts.append(extents.gather(places))
    joined = pl.concat_str(known, separator=":", ignore_nulls=True)
    is_known = pl.Series(is_symbolic) & pl.any_horizontal(pl.col(known).is_not_null())
    return pl.DataFrame(texts).select(pl.when(is_known).then(joined)).to_series()


def hash_names(names: pl.Series) -> np.ndarray:
    """64 bits of each key (uint64), to find equal ones."""
    return names.hash(_SEED).to_numpy()


def _shorten(alleles: pl.Series) -> pl.Series:
    is_long = alleles.str.len_bytes() > MAX_ALLELE_CHARACTERS
    if not is_long.any():
        return alleles
    long = alleles.filter(is_long).unique()
    shorter = [",".join(map(shorten_allele, text.split(","))) for text in long]
    return alleles.replace(long, pl.Series(shorter, dtype=pl.String))


def shorten_allele(allele: str) -> str:
    """An allele as it stands in keys: itself, or the digest of a long one."""
    if len(allele) <= MAX_ALLELE_CHARACTERS:
        return allele
    return hashlib.blake2b(allele.encode(), digest_size=_DIGEST_BYTES).hexdigest()

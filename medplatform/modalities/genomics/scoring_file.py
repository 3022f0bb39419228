"""Polygenic scoring files in the format of the PGS Catalog, version 1 or 2, plain or gzip.

A scoring file is a list of alleles with weights. It is public reference data, not a record of a
patient: one that cannot be used raises, and the message may name it.
"""

import gzip
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from medplatform.modalities.genomics.build import canonical_chromosome, name_build

_STEM = re.compile(r"^(.+?)(_hmPOS_GRCh3[78])?\.txt(\.gz)?$", re.IGNORECASE)
_OTHER_ALLELE = ("other_allele", "hm_inferOtherAllele", "reference_allele")
_UNSUPPORTED = ("is_haplotype", "is_diplotype", "is_interaction")


class ScoringFileError(ValueError):
    """A scoring file cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class ScoringFile:
    """A polygenic score.

    `variants` has one row per variant that can be looked up: chromosome, position, effect_allele,
    other_allele (may be null), effect_weight, effect (additive, dominant or recessive).
    `listed` is the number of variants in the file, usable or not.
    """

    name: str
    build: str
    variants: pl.DataFrame
    listed: int


def read_scoring_file(path: Path) -> ScoringFile:
    """Read a scoring file. Its name without suffixes is the name of the score.

    Raises
    ------
    ScoringFileError
        The file is no scoring file, states no genome build or positions, or weights by other
        means than one `effect_weight` per allele.
    """
    name = _STEM.match(path.name)
    if name is None:
        raise ScoringFileError(f"{path}: a scoring file is named SCORE.txt or SCORE.txt.gz.")
    content = path.read_bytes()
    try:
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        header = _header(content.decode())
        table = pl.read_csv(
            content, separator="\t", comment_prefix="#", infer_schema=False, quote_char=None
        )
    except (OSError, EOFError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise ScoringFileError(
            f"{path}: not a table as the PGS Catalog publishes them. Download it again from "
            f"https://www.pgscatalog.org."
        ) from error
    is_harmonized = {"hm_chr", "hm_pos"} <= set(table.columns) and "HmPOS_build" in header
    build = name_build(header["HmPOS_build" if is_harmonized else "genome_build"])
    chromosome, position = ("hm_chr", "hm_pos") if is_harmonized else ("chr_name", "chr_position")
    missing = {chromosome, position, "effect_allele", "effect_weight"} - set(table.columns)
    if build is None or missing:
        lacks = ", ".join(sorted(missing)) or "#genome_build"
        raise ScoringFileError(
            f"{path}: without {lacks} its variants cannot be found in the genome. Use the file "
            f"that the PGS Catalog has harmonized to the build of your data (…_hmPOS_GRCh38)."
        )
    return ScoringFile(name[1], build, _variants(path, table, chromosome, position), table.height)


def _header(text: str) -> dict[str, str]:
    fields = {"genome_build": ""}
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        key, _, value = line.lstrip("#").partition("=")
        fields[key.strip()] = value.strip()
    return fields


def _variants(path: Path, table: pl.DataFrame, chromosome: str, position: str) -> pl.DataFrame:
    other = [pl.col(name) for name in _OTHER_ALLELE if name in table.columns]
    variants = table.select(
        pl.col(chromosome)
        .map_elements(canonical_chromosome, return_dtype=pl.String)
        .alias("chromosome"),
        pl.col(position).cast(pl.Int32, strict=False).alias("position"),
        pl.col("effect_allele").str.to_uppercase(),
        pl.coalesce(*other, pl.lit(None, pl.String)).str.to_uppercase().alias("other_allele"),
        pl.col("effect_weight").cast(pl.Float64, strict=False),
        pl.when(_flag(table, "is_dominant"))
        .then(pl.lit("dominant"))
        .when(_flag(table, "is_recessive"))
        .then(pl.lit("recessive"))
        .otherwise(pl.lit("additive"))
        .alias("effect"),
        pl.any_horizontal(*(_flag(table, name) for name in _UNSUPPORTED)).alias("is_unsupported"),
    )
    if variants["effect_weight"].is_finite().fill_null(False).not_().any():
        raise ScoringFileError(f"{path}: an effect_weight is not a number. Download it again.")
    return (
        variants.filter(~pl.col("is_unsupported"))
        .drop("is_unsupported")
        .drop_nulls(["chromosome", "position", "effect_allele"])
    )


def _flag(table: pl.DataFrame, name: str) -> pl.Expr:
    if name not in table.columns:
        return pl.lit(False)
    return pl.col(name).str.to_lowercase().is_in(["true", "1"]).fill_null(False)

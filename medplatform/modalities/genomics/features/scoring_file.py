"""Polygenic scoring files in the format of the PGS Catalog, version 1 or 2, plain or gzip.

A scoring file is a list of alleles with weights. It is public reference data, not a record of a
patient: one that cannot be used raises, and the message may name it. Of a file that can be used,
rows that no genotype of a variant can answer are skipped and counted by reason.
"""

import gzip
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from medplatform.modalities.genomics.features.score_forms import find_forms, share_forms
from medplatform.modalities.genomics.reference.build import canonical_chromosome, name_build
from medplatform.modalities.genomics.reference.catalogue import Genomes

SKIPS = {
    "haplotype": "weighs several variants on one chromosome (is_haplotype)",
    "diplotype": "weighs several variants on both chromosomes (is_diplotype)",
    "interaction": "weighs variants by one another (is_interaction)",
    "contradiction": "is both dominant and recessive",
    "no_position": "has no place in the genome build (as HLA alleles, or not harmonized)",
    "no_bases": "has an effect allele that is no bases (as P and N of HLA alleles, I and D)",
    "duplicate": "repeats an earlier row, or writes its variant in another way",
}
"""Why a row is skipped."""

_STEM = re.compile(r"^(.+?)(_hmPOS_GRCh3[78])?\.txt(\.gz)?$", re.IGNORECASE)
_OTHER_ALLELE = ("other_allele", "hm_inferOtherAllele", "reference_allele")
_DOSAGE_WEIGHTS = ("dosage_0_weight", "dosage_1_weight", "dosage_2_weight")
_BASES = "^[ACGTN]+$"


class ScoringFileError(ValueError):
    """A scoring file cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class ScoringFile:
    """A polygenic score.

    Attributes
    ----------
    variants
        One row per variant that can be looked up: row (in the file, from 0), chromosome, position,
        effect_allele, other_allele (null where it is not known, or one of several), effect
        (additive, dominant, recessive or dosage), effect_weight, dosage_weights (of 0, 1 and 2
        copies; null unless the effect is dosage).
    forms
        How the variants may be written, also in rows that are duplicates: `score_forms.FORM`.
    listed
        Number of variants in the file, usable or not.
    skipped
        Reason (see SKIPS) -> number of variants.
    """

    name: str
    build: str
    variants: pl.DataFrame
    forms: pl.DataFrame
    listed: int
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def strand_ambiguous(self) -> int:
        """Variants of which strand and alleles cannot be told apart: A/T and C/G."""
        alleles = pl.concat_str("effect_allele", "other_allele").is_in(["AT", "TA", "CG", "GC"])
        return int(self.variants.select(alleles.sum()).item() or 0)


def read_scoring_file(path: Path, genomes: Genomes | None = None) -> ScoringFile:
    """Read a scoring file. Its name without suffixes is the name of the score.

    Parameters
    ----------
    genomes
        The reference sequences, by which indels are shifted left; without that of its build, they
        are trimmed only.

    Raises
    ------
    ScoringFileError
        The file is no scoring file, lists no variant, states no genome build or positions, or no
        weights: an `effect_weight` per allele, or one per dosage.
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
    missing = {chromosome, position, "effect_allele"} - set(table.columns)
    if not set(_DOSAGE_WEIGHTS) <= set(table.columns):
        missing |= {"effect_weight"} - set(table.columns)
    if missing - {chromosome, position}:
        raise ScoringFileError(
            f"{path}: it has no column {', '.join(sorted(missing))}. Deliver one score per file, "
            f"with the columns that the PGS Catalog defines."
        )
    if build is None or missing:
        lacks = ", ".join(sorted(missing)) or "#genome_build"
        raise ScoringFileError(
            f"{path}: without {lacks} its variants cannot be found in the genome. Use the file "
            f"that the PGS Catalog has harmonized to the build of your data (…_hmPOS_GRCh38)."
        )
    if table.is_empty():
        raise ScoringFileError(f"{path}: it lists no variant. Download it again.")
    rows = _rows(table, chromosome, position)
    usable = rows.filter(pl.col("skip").is_null()).drop("skip")
    forms = share_forms(usable, find_forms(usable, genomes.get(build) if genomes else None))
    variants = usable.join(forms, on="row", how="semi", maintain_order="left")
    if not variants.select(_has_weights().all()).item():
        raise ScoringFileError(f"{path}: an effect_weight is not a number. Download it again.")
    skipped = Counter(rows["skip"].drop_nulls())
    skipped += Counter(duplicate=usable.height - variants.height)  # where there are any
    return ScoringFile(name[1], build, variants, forms, table.height, dict(sorted(skipped.items())))


def find_unusable(paths: Sequence[Path]) -> dict[Path, str]:
    """The scoring files that cannot be read, and why."""
    reasons: dict[Path, str] = {}
    for path in paths:
        try:
            read_scoring_file(path)
        except ScoringFileError as error:
            reasons[path] = str(error)
    return reasons


def _header(text: str) -> dict[str, str]:
    fields = {"genome_build": ""}
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        key, _, value = line.lstrip("#").partition("=")
        fields[key.strip()] = value.strip()
    return fields


def _rows(table: pl.DataFrame, chromosome: str, position: str) -> pl.DataFrame:
    """All rows of a file, with the reason where one is to be skipped, whatever the others are."""
    other = [pl.col(name) for name in _OTHER_ALLELE if name in table.columns]
    weights = [_number(table, name) for name in _DOSAGE_WEIGHTS]
    names = table[chromosome].unique().drop_nulls()
    rows = table.select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
        pl.col(chromosome).replace({n: canonical_chromosome(n) for n in names}).alias("chromosome"),
        pl.col(position).cast(pl.Int32, strict=False).alias("position"),
        pl.col("effect_allele").str.to_uppercase(),
        # Several candidates, as A/G, are no allele.
        pl.coalesce(*map(_bases, other), pl.lit(None, pl.String)).alias("other_allele"),
        _effect(table).alias("effect"),
        _number(table, "effect_weight").alias("effect_weight"),
        pl.when(pl.all_horizontal(weight.is_finite() for weight in weights))
        .then(pl.concat_list(weights))
        .alias("dosage_weights"),
        *(_flag(table, f"is_{name}").alias(name) for name in list(SKIPS)[:3]),
        (_flag(table, "is_dominant") & _flag(table, "is_recessive")).alias("contradiction"),
    )
    is_dosage = pl.col("effect_weight").is_null() & pl.col("dosage_weights").is_not_null()
    rows = rows.with_columns(
        pl.when(is_dosage).then(pl.lit("dosage")).otherwise("effect").alias("effect"),
        pl.when(is_dosage).then("dosage_weights").alias("dosage_weights"),
        no_position=pl.any_horizontal(pl.col("chromosome", "position").is_null()),
        no_bases=~pl.col("effect_allele").str.contains(_BASES).fill_null(False),
    )
    flags = [name for name in SKIPS if name != "duplicate"]
    reason = pl.coalesce(pl.when(pl.col(name)).then(pl.lit(name)) for name in flags)
    return rows.with_columns(skip=reason).drop(flags)


def _has_weights() -> pl.Expr:
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


def _bases(allele: pl.Expr) -> pl.Expr:
    upper = allele.str.to_uppercase()
    return pl.when(upper.str.contains(_BASES)).then(upper)


def _number(table: pl.DataFrame, name: str) -> pl.Expr:
    if name not in table.columns:
        return pl.lit(None, pl.Float64)
    return pl.col(name).cast(pl.Float64, strict=False)


def _flag(table: pl.DataFrame, name: str) -> pl.Expr:
    if name not in table.columns:
        return pl.lit(False)
    return pl.col(name).str.to_lowercase().is_in(["true", "1"]).fill_null(False)

"""Polygenic scoring files in the format of the PGS Catalog, version 1 or 2, plain or gzip.

A scoring file is a list of alleles with weights. It is public reference data, not a record of a
patient: one that cannot be used raises, and the message may name it. Of a file that can be used,
rows that no genotype of a variant can answer are skipped and counted by reason. Not here: what a
row says, see `scoring_rows`.
"""

import codecs
import gzip
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from medplatform.modalities.genomics.features.score_forms import find_forms
from medplatform.modalities.genomics.features.score_repeats import share_forms
from medplatform.modalities.genomics.features.scoring_rows import (
    DOSAGE_WEIGHTS,
    find_unclear_flag,
    has_weight,
    read_rows,
)
from medplatform.modalities.genomics.reference.build import name_build
from medplatform.modalities.genomics.reference.catalogue import Genomes

_STEM = re.compile(r"^(.+?)(_hmPOS_GRCh3[78])?\.txt(\.gz)?$", re.IGNORECASE)


class ScoringFileError(ValueError):
    """A scoring file cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class ScoringFile:
    """A polygenic score.

    Attributes
    ----------
    path
        Where it was read.
    variants
        One row per variant that can be looked up: row (in the file, from 0), chromosome, position,
        effect_allele, other_allele (null where it is not known, or one of several), effect
        (additive, dominant, recessive or dosage), effect_weight, dosage_weights (of 0, 1 and 2
        copies; null unless the effect is dosage).
    forms
        How the variants may be written, also in rows that are duplicates: `score_forms.FORM`.
    listed
        Number of variants in the file, usable or not.
    declared
        Number that its header says it has, None where it does not say.
    skipped
        Reason (see `scoring_rows.SKIPS`) -> number of variants.
    """

    path: Path
    name: str
    build: str
    variants: pl.DataFrame
    forms: pl.DataFrame
    listed: int
    declared: int | None = None
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
        The file is no scoring file, is not whole, lists no variant, states no genome build or
        positions, or no weights: an `effect_weight` per allele, or one per dosage.
    """
    name = _STEM.match(path.name)
    if name is None:
        raise ScoringFileError(f"{path}: a scoring file is named SCORE.txt or SCORE.txt.gz.")
    header, table, declared = _read(path)
    is_harmonized = {"hm_chr", "hm_pos"} <= set(table.columns) and "HmPOS_build" in header
    build = name_build(header["HmPOS_build" if is_harmonized else "genome_build"])
    chromosome, position = ("hm_chr", "hm_pos") if is_harmonized else ("chr_name", "chr_position")
    missing = {chromosome, position, "effect_allele"} - set(table.columns)
    if not set(DOSAGE_WEIGHTS) <= set(table.columns):
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
    if unclear := find_unclear_flag(table):
        raise ScoringFileError(
            f"{path}: {unclear[0]} is neither true nor false in a row, but {unclear[1][:20]!r}. "
            f"Write True or False, or leave it empty."
        )
    rows = read_rows(table, chromosome, position)
    usable = rows.filter(pl.col("skip").is_null()).drop("skip")
    forms = share_forms(usable, find_forms(usable, genomes.get(build) if genomes else None))
    variants = usable.join(forms, on="row", how="semi", maintain_order="left")
    if not variants.select(has_weight().all()).item():
        raise ScoringFileError(f"{path}: an effect_weight is not a number. Download it again.")
    skipped = Counter(rows["skip"].drop_nulls())
    skipped += Counter(duplicate=usable.height - variants.height)  # where there are any
    counts = dict(sorted(skipped.items()))
    return ScoringFile(path, name[1], build, variants, forms, table.height, declared, counts)


def find_unusable(paths: Sequence[Path]) -> dict[Path, str]:
    """The scoring files that cannot be read, or are of one score and build, and why."""
    reasons: dict[Path, str] = {}
    read: list[tuple[Path, str, str]] = []
    for path in paths:
        try:
            score = read_scoring_file(path)
        except ScoringFileError as error:
            reasons[path] = str(error)
        else:
            read.append((path, score.name, score.build))
    return reasons | find_same_scores(read)


def find_same_scores(files: Iterable[tuple[Path, str, str]]) -> dict[Path, str]:
    """The files that are of the same score and genome build as another, and what is said of each.

    Parameters
    ----------
    files
        Path, name of the score, and genome build.
    """
    same: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path, name, build in files:
        same[name, build].append(path)
    return {
        path: f"{path}: {', '.join(other.name for other in group if other != path)} is of the same "
        f"score and genome build ({name}, {build}). Remove one of them, or rename it."
        for (name, build), group in same.items()
        if len(group) > 1
        for path in group
    }


def _read(path: Path) -> tuple[dict[str, str], pl.DataFrame, int | None]:
    """The header of a file, its rows with all columns as text, and how many its header declares.

    An empty line is no row.
    """
    content = path.read_bytes()
    is_compressed = content[:2] == b"\x1f\x8b"
    try:
        content = gzip.decompress(content) if is_compressed else content
        content = content.removeprefix(codecs.BOM_UTF8)
        header = _header(content.decode())
        table = pl.read_csv(
            content, separator="\t", comment_prefix="#", infer_schema=False, quote_char=None
        ).filter(pl.any_horizontal(pl.all().is_not_null()))
    except (OSError, EOFError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise ScoringFileError(
            f"{path}: not a table as the PGS Catalog publishes them. Download it again from "
            f"https://www.pgscatalog.org."
        ) from error
    number = header.get("variants_number", "")
    declared = int(number) if re.fullmatch("[0-9]{1,12}", number) else None
    # A row that was cut within its weight is a row. What is compressed tells itself that it is cut.
    if declared is not None and not (is_compressed or content.endswith(b"\n")):
        raise ScoringFileError(
            f"{path}: its last line has no line end, as where a transfer broke off. Transfer it "
            f"again; where it is whole, end its last line."
        )
    return header, table, declared


def _header(text: str) -> dict[str, str]:
    fields = {"genome_build": ""}
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        key, _, value = line.lstrip("#").partition("=")
        fields[key.strip()] = value.strip()
    return fields

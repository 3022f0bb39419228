"""ClinVar in VCF: what is said of an allele, by how sure a reviewer.

Read are the files of NCBI since 2017 (CLNSIG as words), those before (CLNSIG as numbers, per
allele of CLNALLE), and those of macarthur-lab/clinvar. ClinVar is public reference data, not a
record of a patient: a file that cannot be used raises, and the message may name it.
"""

import gzip
import re
from collections.abc import Iterator
from datetime import date
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple, cast

import polars as pl

from medplatform.modalities.genomics.allele import list_alleles
from medplatform.modalities.genomics.build import (
    BuildConflict,
    canonical_chromosome,
    resolve_build,
)

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

SCHEMA = pl.Schema(
    {
        "allele_id": pl.String,
        "genome_build": pl.String,
        "chromosome": pl.String,
        "position": pl.Int32,
        "reference_allele": pl.String,
        "alternate_allele": pl.String,
        "variation_id": pl.String,
        "significance": pl.String,
        "classification": pl.String,
        "review_status": pl.String,
        "review_stars": pl.Int32,
        "conditions": pl.List(pl.String),
        "gene_symbols": pl.List(pl.String),
        "release_date": pl.Date,
    }
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

BLOCK_BYTES = 32 << 20
_LINE_BYTES = 1 << 20
_CONTIG = re.compile(r"##contig=<ID=([^,>]+),.*?length=(\d+)")
_COLUMNS = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")


class ClinVarError(ValueError):
    """A ClinVar file cannot be used; the message names the file and the remedy."""


class _Keys(NamedTuple):
    """INFO keys of one make of ClinVar VCF."""

    significance: str
    review: str
    conditions: str
    genes: str
    variation: str | None = None


_MAKES = {
    "CLNDN": _Keys("CLNSIG", "CLNREVSTAT", "CLNDN", "GENEINFO"),
    "CLNDBN": _Keys("CLNSIG", "CLNREVSTAT", "CLNDBN", "GENEINFO"),
    "CLINICAL_SIGNIFICANCE": _Keys(
        "CLINICAL_SIGNIFICANCE", "REVIEW_STATUS", "ALL_TRAITS", "SYMBOL", "VARIATION_ID"
    ),
}


class _Header(NamedTuple):
    build: str
    released: date | None
    keys: _Keys


def read_clinvar(path: Path) -> pl.DataFrame:
    """Read a ClinVar VCF, plain or compressed.

    Returns
    -------
    One row per allele, as SCHEMA has it, sorted by allele_id. `classification` is CLNSIG as
    published; `significance` is one of SIGNIFICANCES: the strongest claim, or that claims conflict.
    Alleles without bases (<CNV>, .) are left out; of an allele that is there twice (alone and in a
    haplotype) the better reviewed row stays.

    Raises
    ------
    ClinVarError
        It is no ClinVar VCF, or does not say which genome build it is of.
    """
    try:
        with path.open("rb") as raw:
            is_compressed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_compressed else path.open("rb") as stream:
            lines = cast(BufferedIOBase, stream)
            header = _read_header(path, lines)
            blocks = [_alleles(block, header) for block in _blocks(lines)]
    except (OSError, EOFError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise ClinVarError(
            f"{path}: not a whole VCF file. Download it again from {_SITE}"
        ) from error
    empty = pl.DataFrame(schema=SCHEMA)
    rank = pl.col("significance").replace_strict({name: n for n, name in enumerate(SIGNIFICANCES)})
    return (
        pl.concat([empty, *blocks])
        .sort("allele_id", -pl.col("review_stars"), rank, "variation_id")
        .unique("allele_id", keep="first", maintain_order=True)
    )


_SITE = "https://ftp.ncbi.nlm.nih.gov/pub/clinvar/"


def _read_header(path: Path, lines: BufferedIOBase) -> _Header:
    contigs: dict[str, int] = {}
    texts: list[str] = [path.name]
    released, keys = None, None
    for raw in iter(lambda: lines.readline(_LINE_BYTES), b""):
        line = raw.decode().rstrip()
        if not line.startswith("##"):
            break
        name, _, value = line[2:].partition("=")
        if contig := _CONTIG.match(line):
            contigs[contig[1]] = int(contig[2])
        elif name == "reference":
            texts.append(value)
        elif name == "fileDate" and len(digits := re.sub(r"\D", "", value)) == 8:
            released = date.fromisoformat(digits)
        elif name == "INFO":
            declared = value.removeprefix("<ID=").partition(",")[0]
            keys = _MAKES.get(declared, keys)
    try:
        build = resolve_build(contigs, texts, None).name
    except BuildConflict as error:
        raise ClinVarError(f"{path}: {error}") from None
    if build is None or keys is None:
        lacks = "says of which genome build it is" if build is None else "has the keys of ClinVar"
        raise ClinVarError(f"{path}: no header line {lacks}. Download it from {_SITE}")
    return _Header(build, released, keys)


def _blocks(lines: BufferedIOBase) -> Iterator[pl.DataFrame]:
    """The fixed fields of the records behind the line #CHROM, in bounded memory."""
    while block := lines.read(BLOCK_BYTES):
        block += lines.readline()
        yield pl.read_csv(
            block,
            separator="\t",
            has_header=False,
            new_columns=list(_COLUMNS),
            columns=list(range(len(_COLUMNS))),
            infer_schema=False,
            quote_char=None,
        ).drop_nulls(["CHROM", "POS", "REF", "ALT"])


def _alleles(records: pl.DataFrame, header: _Header) -> pl.DataFrame:
    """The alleles of a block, each with what is said of it."""
    keys = header.keys
    names = pl.col("CHROM").unique()
    chromosomes = {n: canonical_chromosome(n) for n in records.select(names).to_series()}
    said = records.select(
        pl.col("CHROM").replace(chromosomes).alias("chromosome"),
        pl.col("POS").cast(pl.Int32).alias("position"),
        pl.col("REF").str.to_uppercase().alias("reference_allele"),
        pl.col("ALT").str.to_uppercase().str.split(",").alias("alternate_alleles"),
        _value(keys.variation).alias("variation_id") if keys.variation else _variation(),
        *(
            _value(key).alias(name)
            for name, key in (
                ("significance", keys.significance),
                ("review", keys.review),
                ("conditions", keys.conditions),
                ("genes", keys.genes),
                ("numbers", "CLNALLE"),
            )
        ),
    ).with_row_index("site")
    frame = said.with_columns(
        variant_id=pl.concat_str(
            pl.lit(header.build),
            *("chromosome", "position", "reference_allele"),
            pl.col("alternate_alleles").list.join(","),
            separator="-",
        ),
        genome_build=pl.lit(header.build),
        end_position=pl.lit(None, pl.Int32),
    )
    alleles = list_alleles(frame, {})
    alleles = alleles.filter(pl.col("alternate_allele").str.contains("^[ACGTN]+$"))
    joined = alleles.select(
        *("site", "allele_id", "allele_number", "genome_build", "chromosome", "position"),
        *("reference_allele", "alternate_allele"),
    ).join(
        said.select(
            *("site", "variation_id", "significance", "review", "conditions", "genes", "numbers")
        ).with_columns(pl.col("site").cast(alleles.schema["site"])),
        on="site",
    )
    return _of_allele(joined).select(
        *("allele_id", "genome_build", "chromosome", "position"),
        *("reference_allele", "alternate_allele", "variation_id"),
        _significance(pl.col("significance")).alias("significance"),
        pl.col("significance").alias("classification"),
        pl.col("review").alias("review_status"),
        _stars(pl.col("review")).alias("review_stars"),
        pl.col("conditions").str.split("|").alias("conditions"),
        _symbols(pl.col("genes")).alias("gene_symbols"),
        pl.lit(header.released, pl.Date).alias("release_date"),
    )


def _value(key: str) -> pl.Expr:
    """A value of INFO; macarthur-lab writes two dots for a comma and a space."""
    text = (
        pl.col("INFO")
        .str.extract(rf"(?:^|;){key}=([^;]*)")
        .str.replace_all("..", ",_", literal=True)
    )
    return pl.when(~text.is_in(["", ".", "-"])).then(text)


def _variation() -> pl.Expr:
    """The ID column: the variation id, or before 2017 a number of dbSNP."""
    return pl.when(pl.col("ID").str.contains(r"^\d+$")).then("ID").alias("variation_id")


def _of_allele(rows: pl.DataFrame) -> pl.DataFrame:
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


def _significance(classification: pl.Expr) -> pl.Expr:
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


def _stars(review: pl.Expr) -> pl.Expr:
    """Stars of the review status; the best where several submitters are listed."""
    whole = review.str.to_lowercase().replace_strict(_STARS, default=None, return_dtype=pl.Int32)
    parts = (
        review.str.to_lowercase()
        .str.split("|")
        .list.eval(pl.element().replace_strict(_STARS, default=0, return_dtype=pl.Int32))
    )
    return pl.coalesce(whole, parts.list.max(), pl.lit(0, pl.Int32))


def _symbols(genes: pl.Expr) -> pl.Expr:
    """GENEINFO is SYMBOL:id|SYMBOL:id."""
    return (
        genes.str.replace_all(r"[;,]", "|")
        .str.split("|")
        .list.eval(pl.element().str.extract("^([^:]+)"))
    )

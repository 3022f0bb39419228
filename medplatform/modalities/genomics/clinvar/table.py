"""ClinVar in VCF: what is said of an allele, by how sure a reviewer.

Read are the files of NCBI since 2017 (CLNSIG as words), those before (CLNSIG as numbers, per
allele of CLNALLE), and those of macarthur-lab/clinvar. ClinVar is public reference data, not a
record of a patient: a file that cannot be used raises, and the message may name it.
"""

import gzip
import zlib
from collections.abc import Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import cast

import polars as pl

from medplatform.modalities.genomics.alleles.allele import list_alleles
from medplatform.modalities.genomics.clinvar.claims import (
    SIGNIFICANCES,
    expand_numbers,
    significance,
    stars,
)
from medplatform.modalities.genomics.clinvar.file import (
    SITE,
    ClinVarError,
    Header,
    iter_blocks,
    read_header,
)
from medplatform.modalities.genomics.reference.build import canonical_chromosome

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
            header = read_header(path, lines)
            blocks = [_alleles(block, header) for block in iter_blocks(path, lines)]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise ClinVarError(
            f"{path}: not a whole VCF file. Download it again from {SITE}"
        ) from error
    empty = pl.DataFrame(schema=SCHEMA)
    rank = pl.col("significance").replace_strict({name: n for n, name in enumerate(SIGNIFICANCES)})
    return (
        pl.concat([empty, *blocks])
        .sort("allele_id", -pl.col("review_stars"), rank, "variation_id")
        .unique("allele_id", keep="first", maintain_order=True)
    )


def read_usable(paths: Sequence[Path]) -> tuple[dict[Path, pl.DataFrame], dict[Path, str]]:
    """The tables of the files that can be used, and why the others cannot."""
    tables: dict[Path, pl.DataFrame] = {}
    unusable: dict[Path, str] = {}
    for path in paths:
        try:
            tables[path] = read_clinvar(path)
        except ClinVarError as error:
            unusable[path] = str(error)
    return tables, unusable


def _alleles(records: pl.DataFrame, header: Header) -> pl.DataFrame:
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
    return expand_numbers(joined).select(
        *("allele_id", "genome_build", "chromosome", "position"),
        *("reference_allele", "alternate_allele", "variation_id"),
        significance(pl.col("significance")).alias("significance"),
        pl.col("significance").alias("classification"),
        pl.col("review").alias("review_status"),
        stars(pl.col("review")).alias("review_stars"),
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


def _symbols(genes: pl.Expr) -> pl.Expr:
    """GENEINFO is SYMBOL:id|SYMBOL:id."""
    return (
        genes.str.replace_all(r"[;,]", "|")
        .str.split("|")
        .list.eval(pl.element().str.extract("^([^:]+)"))
    )

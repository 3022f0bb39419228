"""Annotations of a batch of records as rows of genomics_annotation."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from medplatform.modalities.genomics.annotation.alleles import allele_number
from medplatform.modalities.genomics.annotation.impact import impact_of
from medplatform.modalities.genomics.annotation.layout import Layout, Tool
from medplatform.modalities.genomics.annotation.split import field_column, split_annotations
from medplatform.modalities.genomics.tables.annotation import ANNOTATION

# Column -> the fields that it is made of; the first that the layout has counts.
_COLUMNS: dict[Tool, dict[str, tuple[str, ...]]] = {
    "vep": {
        "allele": ("Allele",),
        "consequence": ("Consequence",),
        "impact": ("IMPACT",),
        "gene_symbol": ("SYMBOL", "HGNC"),
        "gene_id": ("Gene",),
        "feature_type": ("Feature_type",),
        "feature_id": ("Feature",),
        "biotype": ("BIOTYPE",),
        "hgvs_coding": ("HGVSc",),
        "hgvs_protein": ("HGVSp",),
        "exon": ("EXON",),
        "intron": ("INTRON",),
        "protein_position": ("Protein_position",),
        "mane_select": ("MANE_SELECT",),
        "mane_plus_clinical": ("MANE_PLUS_CLINICAL",),
        "is_canonical": ("CANONICAL",),
        "is_picked": ("PICK",),
        "allele_number": ("ALLELE_NUM",),
    },
    "snpeff": {
        "allele": ("Allele",),
        "consequence": ("Annotation",),
        "impact": ("Annotation_Impact",),
        "gene_symbol": ("Gene_Name",),
        "gene_id": ("Gene_ID",),
        "feature_type": ("Feature_Type",),
        "feature_id": ("Feature_ID",),
        "biotype": ("Transcript_BioType",),
        "hgvs_coding": ("HGVS.c",),
        "hgvs_protein": ("HGVS.p",),
        "protein_position": ("AA.pos / AA.length", "AA.pos/AA.length"),
    },
    "bcftools": {
        "consequence": ("Consequence",),
        "gene_symbol": ("gene",),
        "feature_id": ("transcript",),
        "biotype": ("biotype",),
    },
}
_RANK = "Rank"
_FLAGS = ("is_canonical", "is_picked")


class Records(NamedTuple):
    """What of the records of a batch tells which allele an annotation is about."""

    position: pl.Series
    reference_allele: pl.Series
    alternate_alleles: pl.Series


class Annotations(NamedTuple):
    """Annotations of one key, in the order of the records.

    `rows` has site (index of the record), the columns of genomics_annotation without variant_id
    and lineage, and csq_<Field> columns. `unread` are the sites of annotations that could not be
    told apart, `excess` those of more annotations of a record than are read, one item each. Their
    sum is `delivered`.
    """

    rows: pl.DataFrame
    unread: list[int]
    excess: list[int]
    delivered: int


def annotate(info: pl.Series, records: Records, layout: Layout) -> Annotations:
    """The annotations of one key in a batch of records.

    Parameters
    ----------
    info
        The INFO column, as text.
    """
    split = split_annotations(info, layout)
    sources = _sources(layout)
    frame = split.rows.select(
        "site",
        pl.lit(layout.key).alias("source"),
        "annotation_number",
        *(_field(field).alias(f"/{column}") for column, field in sources.items()),
        *_exons(layout),
        *_open_columns(layout, set(sources.values())),
    )
    back = pl.col("/consequence").str.extract(r"^@(\d+)$").cast(pl.Int32, strict=False)
    if layout.tool != "bcftools":
        back = pl.lit(None, pl.Int32)
    terms = pl.when(back.is_null()).then("/consequence")
    frame = frame.with_columns(reported_at=back, consequence=terms.str.split("&"))
    frame = frame.with_columns(_impact("/impact" in frame.columns), *_flags(frame))
    plain = {f"/{column}": column for column in sources if f"/{column}" in frame.columns}
    plain = {old: new for old, new in plain.items() if new not in frame.columns}
    numbers = _allele_numbers(split.rows, records, layout, sources)
    frame = frame.rename(plain).with_columns(numbers)
    return Annotations(
        _complete(frame),
        split.refused["site"].to_list(),
        split.excess["site"].to_list(),
        split.delivered,
    )


def _field(name: str) -> pl.Expr:
    return pl.col(field_column(name))


def _sources(layout: Layout) -> dict[str, str]:
    """Column -> the field of the layout that it is made of."""
    known = set(layout.fields)
    return {
        column: field
        for column, fields in _COLUMNS[layout.tool].items()
        if (field := next((name for name in fields if name in known), None))
    }


def open_column(field: str) -> str:
    """The column of a field that has none of its own.

    >>> open_column("cDNA.pos / cDNA.length")
    'csq_cDNA_pos_cDNA_length'
    """
    return "csq_" + re.sub(r"[^0-9A-Za-z]+", "_", field).strip("_")


def _open_columns(layout: Layout, taken: set[str]) -> list[pl.Expr]:
    """Columns of the other fields; names that differ in case only, or not at all, get a number."""
    seen: set[str] = set()
    columns = []
    for field in layout.fields:
        if field in taken or (field == _RANK and layout.tool == "snpeff"):
            continue
        name = stem = open_column(field)
        number = 1
        while name.lower() in seen:
            number += 1
            name = f"{stem}_{number}"
        seen.add(name.lower())
        columns.append(_field(field).alias(name))
    return columns


def _exons(layout: Layout) -> list[pl.Expr]:
    """SnpEff counts exons and introns in one field; the consequence tells which."""
    if layout.tool != "snpeff" or _RANK not in layout.fields:
        return []
    is_intron = _field("Annotation").str.contains("intron|splice_(?:donor|acceptor)")
    rank = _field(_RANK)
    return [
        pl.when(~is_intron).then(rank).alias("exon"),
        pl.when(is_intron).then(rank).alias("intron"),
    ]


def _impact(is_stated: bool) -> pl.Expr:
    derived = impact_of(pl.col("consequence"))
    if not is_stated:
        return derived.alias("impact")
    stated = pl.col("/impact").str.to_uppercase()
    is_known = stated.is_in(list(ANNOTATION.column("impact").values))
    return pl.coalesce(pl.when(is_known).then(stated), derived).alias("impact")


def _flags(frame: pl.DataFrame) -> list[pl.Expr]:
    return [
        pl.col(f"/{flag}").is_in(["YES", "1"]).fill_null(False).alias(flag)
        for flag in _FLAGS
        if f"/{flag}" in frame.columns
    ]


def _allele_numbers(
    rows: pl.DataFrame, records: Records, layout: Layout, sources: Mapping[str, str]
) -> pl.Series:
    """The number of the annotated allele per row; worked out once per site and allele."""
    field = "dna_change" if layout.tool == "bcftools" else sources["allele"]
    known = field if field in layout.fields else "Consequence"
    stated = sources.get("allele_number")
    number = _field(stated).cast(pl.Int32, strict=False) if stated else pl.lit(None, pl.Int32)
    keys = rows.select("site", _field(known).alias("allele"), number.alias("number"))
    sites = pl.DataFrame(
        {
            "position": records.position,
            "reference": records.reference_allele,
            "alternates": records.alternate_alleles,
        }
    ).with_row_index("site")
    unique = keys.filter(pl.col("number").is_null()).unique(["site", "allele"])
    alleles = unique.select("site", "allele").join(sites, on="site", how="left")
    found = pl.Series(
        "found",
        [
            allele_number(layout.tool, allele, position, reference, alternates)
            for _, allele, position, reference, alternates in alleles.iter_rows()
        ],
        pl.Int32,
    )
    joined = keys.join(
        alleles.select("site", "allele").with_columns(found),
        on=["site", "allele"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    ).join(
        sites.select("site", most=pl.col("alternates").list.len()),
        on="site",
        how="left",
        maintain_order="left",
    )
    is_valid = pl.col("number").is_between(1, pl.col("most"))
    numbers = pl.when(pl.col("number").is_null()).then("found").when(is_valid).then("number")
    return joined.select(numbers.cast(pl.Int32).alias("allele_number")).to_series()


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    """The declared columns in their order, then the open ones."""
    declared = {
        name: dtype
        for name, dtype in ANNOTATION.empty_frame().schema.items()
        if name not in ("variant_id", "source_id", "record_number")
    }
    absent = [pl.lit(None, dtype).alias(n) for n, dtype in declared.items() if n not in frame]
    opened = [name for name in frame.columns if name.startswith("csq_")]
    return frame.with_columns(absent).select("site", *declared, *opened)

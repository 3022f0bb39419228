"""From the INFO column to single annotations, one row each, none lost.

Commas separate annotations, but some plugins of VEP write commas into a field too (LoF_info of
LOFTEE in gnomAD 3). Which comma is which follows from the bars: an annotation is complete when it
has as many as the header's format.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from medplatform.modalities.genomics.annotation.layout import Layout

# VCF 4.3, section 1.2: characters with a special meaning are written as %xx.
_CODES = {"%3A": ":", "%3B": ";", "%3D": "=", "%25": "%", "%2C": ",", "%0D": "\r", "%0A": "\n"}
_CODES |= {"%09": "\t", "%7C": "|", "%20": " "}
_CODES |= {code.lower(): text for code, text in _CODES.items()}

MAX_ANNOTATIONS = 50_000
"""Annotations of a record that are read; whole chromosomes that are lost have about as many."""


@dataclass(frozen=True, slots=True)
class Split:
    """Annotations of one key in a batch of records.

    Attributes
    ----------
    rows
        One per annotation: site (index of the record), annotation_number (from 1 in the record),
        and a text column per field of the layout (`field_column`), null where it is empty.
    refused
        One per annotation that cannot be told apart: site, annotation_number.
    excess
        One per annotation beyond the first MAX_ANNOTATIONS of a record, likewise.
    delivered
        Annotations in the batch: rows, refused ones and excess.
    """

    rows: pl.DataFrame
    refused: pl.DataFrame
    excess: pl.DataFrame
    delivered: int


def field_column(field: str) -> str:
    """The column of a field: whatever it is called, it is none of the others."""
    return f"field/{field}"


def split_annotations(info: pl.Series, layout: Layout) -> Split:
    """Take apart the annotations of one key.

    Parameters
    ----------
    info
        The INFO column of the records, as text.
    """
    pieces = _pieces(info, layout.key)
    last = len(layout.fields) - 1
    if layout.tool == "bcftools":
        # Fields that are empty at the end are left out, and @123 stands for a whole annotation.
        annotations = pieces.with_columns(is_whole=pl.col("bars") <= last)
    else:
        is_whole = pl.col("bars") == last
        odd = pieces.filter(~is_whole)["site"].unique()
        is_odd = pl.col("site").is_in(odd.implode())
        regrouped = _regroup(pieces.filter(is_odd), last)
        annotations = pl.concat(
            [pieces.filter(~is_odd).with_columns(is_whole=pl.lit(True)), regrouped]
        ).sort("site", maintain_order=True)
    annotations = annotations.with_columns(
        annotation_number=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("site")
    )
    place = ["site", "annotation_number"]
    is_excess = pl.col("annotation_number") > MAX_ANNOTATIONS
    excess, first = annotations.filter(is_excess), annotations.filter(~is_excess)
    return Split(
        _fields(first.filter("is_whole"), layout),
        first.filter(~pl.col("is_whole")).select(place),
        excess.select(place),
        annotations.height,
    )


def _pieces(info: pl.Series, key: str) -> pl.DataFrame:
    """What stands between commas: site, text, bars. A key that is written twice is read twice."""
    pattern = rf"(?:^|;){re.escape(key)}=[^;]*"
    return (
        pl.DataFrame({"site": pl.int_range(len(info), dtype=pl.UInt32, eager=True), "text": info})
        .filter(pl.col("text").str.contains(f"{key}=", literal=True))
        .with_columns(pl.col("text").str.extract_all(pattern))
        .explode("text", empty_as_null=False)
        .with_columns(pl.col("text").str.strip_prefix(";").str.slice(len(key) + 1))
        .filter(~pl.col("text").is_in(["", "."]))
        .with_columns(pl.col("text").str.split(","))
        .explode("text")
        .with_columns(bars=pl.col("text").str.count_matches("|", literal=True))
    )


def _regroup(pieces: pl.DataFrame, last: int) -> pl.DataFrame:
    """Join pieces of records in which a comma belongs to a field; is_whole says whether it fits."""
    rows = [
        (site, text, text.count("|"), is_whole)
        for (site,), texts in pieces.group_by("site", maintain_order=True)
        for text, is_whole in _groups(texts["text"], texts["bars"], last)
    ]
    schema = {**pieces.schema, "is_whole": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _groups(texts: Iterable[str], bars: Iterable[int], last: int) -> list[tuple[str, bool]]:
    groups: list[tuple[str, bool]] = []
    group: list[str] = []
    have = -1
    for text, count in zip(texts, bars, strict=True):
        # One with all bars begins an annotation; one without bars ends the one before it.
        if have >= 0 and (not count or (count < last and have + count <= last)):
            group.append(text)
            have += count
            continue
        if have >= 0:
            groups.append((",".join(group), have == last))
        group, have = [text], count
    return [*groups, (",".join(group), have == last)]


def _fields(annotations: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """The fields of whole annotations: site, annotation_number, and a column of each field."""
    names = [field_column(field) for field in layout.fields]
    text = pl.col("text")
    parts = annotations.select(
        "site", "annotation_number", text.str.split_exact("|", len(names) - 1).alias("parts")
    )
    frame = parts.with_columns(pl.col("parts").struct.rename_fields(names)).unnest("parts")
    frame = frame.with_columns(pl.col(names).str.strip_chars(" "))
    coded = [name for name in names if frame[name].str.contains("%", literal=True).any()]
    frame = frame.with_columns(pl.col(coded).str.replace_many(_CODES))
    return frame.with_columns(pl.when(pl.col(names) != "").then(pl.col(names)).name.keep())

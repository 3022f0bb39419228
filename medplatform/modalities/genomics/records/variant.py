"""Records of a VCF body as columns: fixed fields and INFO, checked in batches.

A rule is applied to a whole batch at once, and what breaks it is refused line by line with the
rule's code; the other lines of the batch go on. Genotypes are not parsed here.
"""

import re
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.modalities.genomics import rules
from medplatform.modalities.genomics.header.header import Header
from medplatform.modalities.genomics.info.casting import cast_texts
from medplatform.modalities.genomics.info.items import Items
from medplatform.modalities.genomics.info.reader import InfoReader, Remark
from medplatform.modalities.genomics.records.fields import split_fields
from medplatform.modalities.genomics.records.fixed import FixedReader
from medplatform.modalities.genomics.records.sites import Sites
from medplatform.modalities.genomics.records.variant_id import (
    hash_names,
    name_variants,
    read_extents,
)
from medplatform.modalities.genomics.rules import Fault, Masks
from medplatform.modalities.genomics.sources.lines import Lines

_FORMAT_KEY = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")
# Alphanumeric by VCF 4.2, section 1.4.2.
_FORMAT_KEY_UNTIL_42 = re.compile(r"[0-9A-Za-z.]+")
_FIRST_WITH_FORMAT_KEYS = 3


class Parsed(NamedTuple):
    """A batch: the records that satisfy all rules, and what became of the other lines.

    `Remark.site` is the row of the line in the batch.
    """

    sites: Sites
    faults: list[Fault]
    blank: int
    remarks: list[Remark]


def parse_sites(
    lines: Lines, header: Header, fixed_reader: FixedReader, reader: InfoReader
) -> Parsed:
    """Split a batch of lines, check their fixed fields and INFO, and make columns of them."""
    fields, faults = split_fields(lines, header)
    blank = len(lines) - len(fields) - len(faults)
    fixed = fixed_reader.read(fields)
    items = Items(fields.content, fields.bounds[:, 7], fields.bounds[:, 8] - 1)
    info = reader.read(items, fixed.frame["alternate_alleles"].list.len().cast(pl.Int64).to_numpy())
    stops, broken_stops = _read_stops(items, fixed.frame["position"].to_numpy())
    formats, samples = fields.sample_columns()
    extents = read_extents(items, fixed.is_symbolic)
    names = name_variants(header.build.name, fixed.frame, fixed.alternates, extents)
    is_placed = np.zeros(len(fields), bool) if extents is None else extents.is_not_null().to_numpy()
    is_good = np.ones(len(fields), bool)
    for rule, mask in [
        *fixed.broken,
        *broken_stops,
        *info.broken,
        *_check_formats(formats, header),
    ]:
        faults += [Fault(int(row), rule) for row in fields.rows[mask & is_good]]
        is_good &= ~mask
    frame = fixed.frame.with_columns(
        names.alias("variant_id"),
        pl.Series("key", hash_names(names)),
        pl.Series("is_vague", fixed.has_symbol & ~is_placed),
        stops.alias("end_position"),
    )
    sites = Sites(
        frame,
        formats,
        samples,
        info.columns,
        fields.column("INFO"),
        lines.first_number,
    )
    found = [*info.remarks, *reader.remark_once(fixed.doubtful, is_good)]
    remarks = [Remark(rule, int(fields.rows[site])) for rule, site in found]
    return Parsed(sites.take(np.flatnonzero(is_good)), faults, blank, remarks)


def _read_stops(items: Items, positions: np.ndarray) -> tuple[pl.Series, Masks]:
    """END of each record, null without one."""
    stops = np.full(items.count, -1, np.int64)
    if "END" not in items.keys:
        return pl.repeat(None, items.count, dtype=pl.Int32, eager=True), []
    values = items.values("END")
    numbers, is_broken = cast_texts(values.texts, pa.int32())
    stops[values.sites] = numbers.fill_null(-1).to_numpy()
    is_no_integer = np.zeros(items.count, bool)
    if is_broken is not None:
        is_no_integer[values.sites[is_broken]] = True
    is_negative = np.zeros(items.count, bool)
    is_negative[values.sites] = numbers.fill_null(0).to_numpy() < 0
    is_before = (stops >= 0) & (stops < positions)
    known = pl.Series(np.where(stops < 0, 0, stops)).cast(pl.Int32)
    column = pl.select(pl.when(pl.Series(stops >= 0)).then(known)).to_series()
    return column, [(rules.END, is_no_integer | is_negative), (rules.END_BEFORE, is_before)]


def _check_formats(formats: list[bytes | None], header: Header) -> Masks:
    """Rules on the column FORMAT (VCF 4.5, section 1.6.2), applied to each different text once."""
    if not header.has_format:
        return []
    found: dict[bytes | None, rules.Rule | None] = {
        text: None if text is None else _format_rule(text, header) for text in set(formats)
    }
    broken = {rule for rule in found.values() if rule is not None}
    return [(rule, np.asarray([found[text] is rule for text in formats])) for rule in broken]


def _format_rule(text: bytes, header: Header) -> rules.Rule | None:
    if text == b".":
        return None
    keys = text.split(b":")
    if b"GT" in keys[1:] and keys[0] != b"GT":
        return rules.GT_NOT_FIRST
    if len(set(keys)) < len(keys):
        return rules.FORMAT_REPEATED
    is_new = header.version >= _FIRST_WITH_FORMAT_KEYS
    pattern = _FORMAT_KEY if is_new else _FORMAT_KEY_UNTIL_42
    names = [key.decode(errors="replace") for key in keys]
    is_valid = all(name in header.formats or pattern.fullmatch(name) for name in names)
    return None if is_valid else rules.FORMAT_SYNTAX

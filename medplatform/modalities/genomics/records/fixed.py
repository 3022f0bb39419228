"""The eight fixed fields of VCF records as typed columns, with the records that break a rule.

Most fields have few different texts in a batch, so rules are applied to each text once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from medplatform.modalities.genomics import rules
from medplatform.modalities.genomics.header.header import Header
from medplatform.modalities.genomics.records.alleles import SYMBOLIC, read_alleles
from medplatform.modalities.genomics.records.fields import Fields
from medplatform.modalities.genomics.records.texts import (
    Judged,
    Texts,
    as_set,
    lack,
    scrub_series,
)
from medplatform.modalities.genomics.reference.build import Build
from medplatform.modalities.genomics.reference.mitochondrion import remark_on_mitochondria
from medplatform.modalities.genomics.rules import Masks, Rule

MAX_POSITION = 2**31 - 1
_UNSEEN = frozenset({"*", "NON_REF"})
"""Alleles that stand for all that are not seen, which VCF itself defines."""
# Contig names: VCF 4.3, section 1.4.7; <name> is a contig of an assembly file.
_CONTIG = (
    r"^(?:<[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*>"
    r"|[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*)$"
)
_COLONS_FROM = 3
"""VCF before 4.3 has no colons in contig names, but HLA alleles of GRCh38 are named with some."""
_INTEGER = r"^\+?[0-9]{1,10}$"
# Numbers may be infinite, or not a number, which is read as missing (VCF 4.3, section 1.3).
_NUMBER = r"(?i)^\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,4})?$|^\+?inf(?:inity)?$|^-0\.?0*$"
_NO_NUMBER = r"(?i)^(?:\.|[+-]?nan)$"
_FILTERS = r"^[^\s;]+(?:;[^\s;]+)*$"
_RESERVED_FILTERS = r"(?:^|;)0(?:;|$)|;\.(?:;|$)|^\.;"
_PASS_AND_OTHERS = r"^PASS;|;PASS(?:;|$)"
_IDS = r"^[^\s;]+(?:;[^\s;]+)*$"
_RS = r"(?:^|;)(rs[0-9]+)(?:;|$)"


@dataclass(frozen=True, slots=True)
class Fixed:
    """Typed columns (`frame`, of genomics_variant), and records that break rules.

    `alternates` is ALT with its bases in upper case; `is_symbolic` says which records have a
    symbolic allele or a breakend, `has_symbol` which have the former. `doubtful` are records that
    are read though the header lacks what they refer to, or FILTER contradicts itself.
    """

    frame: pl.DataFrame
    alternates: pl.Series
    is_symbolic: np.ndarray
    has_symbol: np.ndarray
    broken: Masks
    doubtful: Masks


class _Contigs(NamedTuple):
    chromosomes: pl.Series
    last_positions: pl.Series
    are_broken: pl.Series
    are_undeclared: pl.Series
    remarks: list[tuple[Rule, pl.Series]]


class _Filters(NamedTuple):
    lists: pl.Series
    are_broken: pl.Series
    are_undeclared: pl.Series
    contradict: pl.Series


class _Qualities(NamedTuple):
    numbers: pl.Series
    are_broken: pl.Series


class FixedReader:
    """Reads the fixed fields but INFO of one file.

    `names` of samples and patients are replaced in contigs, symbolic alleles and filters.
    """

    def __init__(self, header: Header, names: Mapping[str, str]) -> None:
        self._header = header
        self._names = names
        self._contigs = Judged(self._judge_contigs)
        self._filters = Judged(self._judge_filters)
        self._qualities = Judged(_judge_qualities)
        self._declared = as_set([f"<{name}>" for name in header.alternates | _UNSEEN])

    def read(self, fields: Fields) -> Fixed:
        """Read a batch."""
        contigs, filters, qualities = (
            Texts(fields.column(name)) for name in ("CHROM", "FILTER", "QUAL")
        )
        contig, filter_, quality = (
            self._contigs(contigs),
            self._filters(filters),
            self._qualities(qualities),
        )
        positions, broken_positions = _read_positions(
            fields, contigs.gather(contig.last_positions).to_numpy()
        )
        alternates = Texts(fields.column("ALT"))
        alleles, is_symbolic, has_symbol, broken_alleles = read_alleles(
            fields, alternates, self._names
        )
        ids, broken_ids = _read_ids(fields)
        build = self._header.build.name
        frame = pl.DataFrame(
            [
                pl.Series("row", fields.rows),
                pl.repeat(build, len(fields), dtype=pl.String, eager=True).alias("genome_build"),
                contigs.gather(contig.chromosomes),
                positions.alias("position"),
                ids.alias("rs_id"),
                alleles["reference_allele"],
                alleles["alternate_alleles"],
                qualities.gather(quality.numbers).alias("quality"),
                filters.gather(filter_.lists).alias("filters"),
            ]
        )
        broken = [
            (rules.CONTIG, contigs.spread(contig.are_broken)),
            *broken_positions,
            *broken_alleles,
            (rules.QUALITY, qualities.spread(quality.are_broken)),
            (rules.FILTER, filters.spread(filter_.are_broken)),
            *broken_ids,
        ]
        is_undeclared = np.zeros(len(fields), bool)
        if has_symbol.any():
            symbols = alternates.texts.str.extract_all(SYMBOLIC)
            is_undeclared = alternates.spread(lack(symbols, self._declared))
        doubtful = [
            (rules.UNDECLARED_ALTERNATE, is_undeclared),
            (rules.UNDECLARED_FILTER, filters.spread(filter_.are_undeclared)),
            (rules.FILTER_CONTRADICTS, filters.spread(filter_.contradict)),
            (rules.UNDECLARED_CONTIG, contigs.spread(contig.are_undeclared)),
            *((rule, contigs.spread(mask)) for rule, mask in contig.remarks),
        ]
        return Fixed(frame, alleles["alternates"], is_symbolic, has_symbol, broken, doubtful)

    def _judge_contigs(self, texts: pl.Series) -> _Contigs:
        header = self._header
        is_broken = ~texts.str.contains(_CONTIG) | (texts == ".")
        if header.version < _COLONS_FROM:
            has_colon = texts.str.contains(":", literal=True)
            is_known = texts.str.starts_with("HLA") | texts.is_in(list(header.contigs))
            is_broken |= has_colon & ~is_known
        names = texts.to_list()
        chromosomes = pl.Series(
            "chromosome", [header.build.chromosome(name) for name in names], pl.String
        )
        last = pl.Series([_last_position(name, header.build) for name in names], dtype=pl.Int64)
        is_declared = texts.str.strip_chars("<>").is_in(as_set(list(header.contigs)))
        is_undeclared = ~is_declared & bool(header.contigs)
        remarks = remark_on_mitochondria(names, header.build)
        chromosomes = scrub_series(chromosomes, self._names)
        return _Contigs(chromosomes, last, is_broken, is_undeclared, remarks)

    def _judge_filters(self, texts: pl.Series) -> _Filters:
        lists = pl.select(
            pl.when(texts != ".").then(scrub_series(texts, self._names).str.split(";"))
        ).to_series()
        is_broken = ~texts.str.contains(_FILTERS) | texts.str.contains(_RESERVED_FILTERS)
        known = as_set([*self._header.filters, "PASS", "."])
        is_undeclared = lack(texts.str.split(";"), known)
        return _Filters(lists, is_broken, is_undeclared, texts.str.contains(_PASS_AND_OTHERS))


def _last_position(contig: str, build: Build) -> int:
    """The last acceptable position: one behind the last base is the telomere."""
    length = build.length(build.chromosome(contig))
    return MAX_POSITION if length is None else length + 1


def _read_positions(fields: Fields, last: np.ndarray) -> tuple[pl.Series, Masks]:
    texts = pl.Series(fields.column("POS"), dtype=pl.String)
    positions = texts.cast(pl.Int64, strict=False)
    if positions.null_count() or (positions < 0).any() or (positions > MAX_POSITION).any():
        is_position = texts.str.contains(_INTEGER)
        positions = pl.select(
            pl.when(is_position).then(texts.str.strip_chars_start("+")).cast(pl.Int64, strict=False)
        ).to_series()
    valid = positions.fill_null(-1).to_numpy()
    is_broken = (valid < 0) | (valid > MAX_POSITION)
    stored = pl.Series(np.where(is_broken, 0, valid)).cast(pl.Int32)
    lengths = pl.Series(fields.column("REF"), dtype=pl.String).str.len_bytes().cast(pl.Int64)
    is_beyond = (valid > last) | (valid + lengths.to_numpy() - 1 > MAX_POSITION)
    return stored, [(rules.POSITION, is_broken), (rules.BEYOND, is_beyond & ~is_broken)]


def _judge_qualities(texts: pl.Series) -> _Qualities:
    is_number = texts.str.contains(_NUMBER)
    is_missing = texts.str.contains(_NO_NUMBER)
    numbers = pl.select(pl.when(is_number).then(texts).cast(pl.Float64, strict=False))
    return _Qualities(numbers.to_series(), ~is_number & ~is_missing)


def _read_ids(fields: Fields) -> tuple[pl.Series, Masks]:
    texts = Texts(fields.column("ID"))
    numbers = texts.gather(texts.texts.str.extract(_RS))
    return numbers, [(rules.ID, texts.spread(~texts.texts.str.contains(_IDS)))]

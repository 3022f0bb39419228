"""The eight fixed fields of VCF records as typed columns, with the records that break a rule.

Most fields have few different texts in a batch, so rules are applied to each text once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.modalities.genomics import rules
from medplatform.modalities.genomics.deidentify.texts import scrub
from medplatform.modalities.genomics.header.header import Header
from medplatform.modalities.genomics.records.fields import Fields
from medplatform.modalities.genomics.reference.build import Build, canonical_chromosome
from medplatform.modalities.genomics.rules import Rule

Masks = list[tuple[Rule, np.ndarray]]
"""Rules, each with a mask (bool, one per record) of the records that break it."""

MAX_POSITION = 2**31 - 1
# IUPAC codes other than N must be reduced to a base (VCF 4.5, section 1.6.1, REF).
_BASES = "[ACGTNacgtn]"
_ALLELE = (
    rf"(?:{_BASES}+|\*|<[^<>,\s]+>|\.{_BASES}+|{_BASES}+\."
    rf"|[\[\]][^\[\],\s]+[\[\]](?:{_BASES}+|\.)|(?:{_BASES}+|\.)[\[\]][^\[\],\s]+[\[\]])"
)
_ALLELES = rf"^(?:\.|{_ALLELE}(?:,{_ALLELE})*)$"
_SYMBOLS = r"[<\[\]]"
_SYMBOL = re.compile(r"(<[^<>]*>|[\[\]][^\[\]]*[\[\]])")
"""What of ALT is no bases: symbolic alleles, and the mates of breakends."""
_SYMBOLIC = r"<[^<>,\s]+>"
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


class _Texts:
    """A field, as the different texts that it has and which of them each record has."""

    def __init__(self, texts: pa.StringArray) -> None:
        encoded = texts.dictionary_encode()
        self.codes = encoded.indices.to_numpy()
        self.texts = pl.Series("text", encoded.dictionary, dtype=pl.String)

    def spread(self, of_text: pl.Series) -> np.ndarray:
        """From a mask of texts to one of records."""
        return of_text.fill_null(False).to_numpy()[self.codes]

    def gather(self, of_text: pl.Series) -> pl.Series:
        """From a value per text to one per record."""
        return of_text.gather(self.codes)


def read_fixed(fields: Fields, header: Header, names: Mapping[str, str]) -> Fixed:
    """Read the fixed fields but INFO.

    `names` of samples and patients are replaced in contigs, symbolic alleles and filters.
    """
    contigs, broken = _read_contigs(fields, header, names)
    positions, broken_positions = _read_positions(fields, contigs["last_position"].to_numpy())
    alleles, is_symbolic, has_symbol, broken_alleles = _read_alleles(fields, names)
    qualities, broken_qualities = _read_qualities(fields)
    filters, broken_filters = _read_filters(fields, names)
    ids, broken_ids = _read_ids(fields)
    frame = pl.DataFrame(
        [
            pl.Series("row", fields.rows),
            pl.repeat(header.build.name, len(fields), dtype=pl.String, eager=True).alias(
                "genome_build"
            ),
            contigs["chromosome"],
            positions.alias("position"),
            ids.alias("rs_id"),
            alleles["reference_allele"],
            alleles["alternate_alleles"],
            qualities.alias("quality"),
            filters.alias("filters"),
        ]
    )
    broken += broken_positions + broken_alleles + broken_qualities + broken_filters + broken_ids
    doubtful = _find_doubtful(fields, header)
    return Fixed(frame, alleles["alternates"], is_symbolic, has_symbol, broken, doubtful)


def _find_doubtful(fields: Fields, header: Header) -> Masks:
    """Records that use what the header does not define, and those that did and did not pass."""
    contigs, alternates, filters = (
        _Texts(fields.column(name)) for name in ("CHROM", "ALT", "FILTER")
    )
    known = pl.Series([*header.filters, "PASS", "."], dtype=pl.String).implode()
    symbols = alternates.texts.str.extract_all(_SYMBOLIC)
    declared = pl.Series([f"<{name}>" for name in header.alternates | _UNSEEN], dtype=pl.String)
    masks: Masks = [
        (rules.UNDECLARED_ALTERNATE, _lacks(alternates, symbols, declared.implode())),
        (rules.UNDECLARED_FILTER, _lacks(filters, filters.texts.str.split(";"), known)),
        (rules.FILTER_CONTRADICTS, filters.spread(filters.texts.str.contains(_PASS_AND_OTHERS))),
    ]
    if header.contigs:
        names = contigs.texts.str.strip_chars("<>")
        is_known = names.is_in(pl.Series(list(header.contigs), dtype=pl.String).implode())
        masks.append((rules.UNDECLARED_CONTIG, contigs.spread(~is_known)))
    return masks


def _lacks(texts: _Texts, parts: pl.Series, known: pl.Series) -> np.ndarray:
    """Which records have a part that is not known (bool); `parts` are lists, one per text."""
    exploded = pl.DataFrame({"text": np.arange(len(parts)), "part": parts}).explode("part")
    is_unknown = exploded["part"].is_not_null() & ~exploded["part"].is_in(known)
    found = np.zeros(len(parts), bool)
    found[exploded["text"].filter(is_unknown).to_numpy()] = True
    return found[texts.codes]


def _read_contigs(
    fields: Fields, header: Header, pseudonyms: Mapping[str, str]
) -> tuple[pl.DataFrame, Masks]:
    names = _Texts(fields.column("CHROM"))
    is_broken = ~names.texts.str.contains(_CONTIG) | (names.texts == ".")
    if header.version < _COLONS_FROM:
        has_colon = names.texts.str.contains(":", literal=True)
        is_known = names.texts.str.starts_with("HLA") | names.texts.is_in(list(header.contigs))
        is_broken |= has_colon & ~is_known
    texts = names.texts.to_list()
    chromosomes = pl.Series("chromosome", [canonical_chromosome(t) for t in texts], pl.String)
    last = pl.Series("last_position", [_last_position(t, header.build) for t in texts], pl.Int64)
    chromosomes = _scrub(chromosomes, pseudonyms)
    frame = pl.DataFrame([names.gather(chromosomes), names.gather(last)])
    return frame, [(rules.CONTIG, names.spread(is_broken))]


def _last_position(contig: str, build: Build) -> int:
    """The last acceptable position: one behind the last base is the telomere."""
    length = build.length(canonical_chromosome(contig))
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


def _read_alleles(
    fields: Fields, names: Mapping[str, str]
) -> tuple[pl.DataFrame, np.ndarray, np.ndarray, Masks]:
    references, alternates = _Texts(fields.column("REF")), _Texts(fields.column("ALT"))
    reference = references.texts.str.to_uppercase()
    is_symbolic = alternates.texts.str.contains(_SYMBOLS)
    is_missing = alternates.texts == "."
    allele = alternates.texts.str.to_uppercase()
    if is_symbolic.any():
        places = is_symbolic.arg_true()
        allele = allele.scatter(places, _write_symbols(alternates.texts.gather(places), names))
    lists = pl.select(
        pl.when(is_missing).then(pl.lit([], pl.List(pl.String))).otherwise(allele.str.split(","))
    ).to_series()
    per_record = references.gather(reference)
    alternate = alternates.gather(allele)
    is_repeated = (per_record == alternate).to_numpy().copy()
    several = np.flatnonzero((alternates.gather(lists.list.len()) > 1).to_numpy())
    if len(several):
        listed = lists.gather(alternates.codes[several])
        is_repeated[several] = (
            (listed.list.n_unique() < listed.list.len())
            | pl.select(listed.list.contains(per_record.gather(several))).to_series()
        ).to_numpy()
    broken: Masks = [
        (rules.REFERENCE, references.spread(~references.texts.str.contains(f"^{_BASES}+$"))),
        (rules.ALTERNATE, alternates.spread(~alternates.texts.str.contains(_ALLELES))),
        (rules.REPEATED, is_repeated),
    ]
    frame = pl.DataFrame(
        [
            per_record.alias("reference_allele"),
            alternate.alias("alternates"),
            alternates.gather(lists).alias("alternate_alleles"),
        ]
    )
    has_symbol = alternates.texts.str.contains("<", literal=True)
    return frame, alternates.spread(is_symbolic), alternates.spread(has_symbol), broken


def _write_symbols(alternates: pl.Series, names: Mapping[str, str]) -> list[str]:
    """ALT with bases in upper case, and what stands between them as it is, without names."""
    parts = [_SYMBOL.split(text) for text in alternates]
    symbols = pl.Series([symbol for split in parts for symbol in split[1::2]], dtype=pl.String)
    kept = iter(_scrub(symbols, names))
    return [
        "".join(next(kept) if place % 2 else part.upper() for place, part in enumerate(split))
        for split in parts
    ]


def _read_qualities(fields: Fields) -> tuple[pl.Series, Masks]:
    texts = _Texts(fields.column("QUAL"))
    is_number = texts.texts.str.contains(_NUMBER)
    is_missing = texts.texts.str.contains(_NO_NUMBER)
    numbers = pl.select(pl.when(is_number).then(texts.texts).cast(pl.Float64, strict=False))
    return texts.gather(numbers.to_series()), [
        (rules.QUALITY, texts.spread(~is_number & ~is_missing))
    ]


def _read_filters(fields: Fields, names: Mapping[str, str]) -> tuple[pl.Series, Masks]:
    texts = _Texts(fields.column("FILTER"))
    lists = pl.select(
        pl.when(texts.texts != ".").then(_scrub(texts.texts, names).str.split(";"))
    ).to_series()
    is_reserved = texts.texts.str.contains(_RESERVED_FILTERS)
    is_broken = ~texts.texts.str.contains(_FILTERS) | is_reserved
    return texts.gather(lists), [(rules.FILTER, texts.spread(is_broken))]


def _read_ids(fields: Fields) -> tuple[pl.Series, Masks]:
    texts = _Texts(fields.column("ID"))
    numbers = texts.gather(texts.texts.str.extract(_RS))
    return numbers, [(rules.ID, texts.spread(~texts.texts.str.contains(_IDS)))]


def _scrub(texts: pl.Series, names: Mapping[str, str]) -> pl.Series:
    return pl.Series(texts.name, scrub(texts.to_arrow(), names)) if names else texts

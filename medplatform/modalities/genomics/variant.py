"""Records of a VCF body as columns: the eight fixed fields, checked in batches.

A rule is applied to a whole batch at once, and what breaks it is refused line by line with the
rule's code; the other lines of the batch go on. Genotypes are not parsed here.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.modalities.genomics import rules
from medplatform.modalities.genomics.build import Build, canonical_chromosome
from medplatform.modalities.genomics.header import FIXED_COLUMNS, Header
from medplatform.modalities.genomics.lines import Lines
from medplatform.modalities.genomics.rules import Fault, Rule
from medplatform.modalities.genomics.sites import Sites

MAX_POSITION = 2**31 - 1
FIELDS = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")

_BASES = "[ACGTNRYSWKMBDHVacgtnryswkmbdhv]"
_ALLELE = (
    rf"(?:{_BASES}+|\*|<[^<>,\s]+>|\.{_BASES}+|{_BASES}+\."
    rf"|[\[\]][^\[\],\s]+[\[\]](?:{_BASES}+|\.)?|(?:{_BASES}+|\.)[\[\]][^\[\],\s]+[\[\]])"
)
# Contig names: VCF 4.3, section 1.4.7; <name> is a contig of an assembly file.
_CONTIG = r"^<?[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*>?$"
_INTEGER = r"^[0-9]{1,10}$"
# Numbers may be infinite, or not a number, which is read as missing (VCF 4.3, section 1.3).
_NUMBER = r"(?i)^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,4})?$|^[+-]?inf(inity)?$"
_NO_NUMBER = r"(?i)^(\.|[+-]?nan)$"

_POS, _END = pl.col("POS"), pl.col("INFO").str.extract(r"(?:^|;)END=([^;]*)")
_START = pl.when(_POS.str.contains(_INTEGER)).then(_POS).cast(pl.Int64, strict=False)
_STOP = pl.when(_END.str.contains(_INTEGER)).then(_END).cast(pl.Int64, strict=False)
_QUAL = pl.col("QUAL")
_QUALITY = pl.when(_QUAL.str.contains(_NUMBER)).then(_QUAL).cast(pl.Float64, strict=False)
_IS_SYMBOLIC = pl.col("ALT").str.contains(r"[<\[\]]")
# Symbolic alleles of the same place differ in where they end or how long they are.
_LENGTH = pl.col("INFO").str.extract(r"(?:^|;)SVLEN=([^;]*)")
_EXTENT = (
    pl.when(_IS_SYMBOLIC)
    .then(pl.concat_str(_END, _LENGTH, separator=":", ignore_nulls=True))
    .otherwise(pl.lit(""))
)
_ALT = pl.when(_IS_SYMBOLIC).then("ALT").otherwise(pl.col("ALT").str.to_uppercase())
_REF = pl.col("REF").str.to_uppercase()
_ALLELES = pl.concat_str(_REF, _ALT, separator=",").str.split(",")

BROKEN: tuple[tuple[Rule, pl.Expr], ...] = (
    (rules.CONTIG, ~pl.col("CHROM").str.contains(_CONTIG) | (pl.col("CHROM") == ".")),
    (rules.POSITION, _START.is_null() | (_START > MAX_POSITION)),
    (rules.BEYOND, pl.col("last_position") < _START),
    (rules.REFERENCE, ~pl.col("REF").str.contains(f"^{_BASES}+$")),
    (rules.ALTERNATE, ~pl.col("ALT").str.contains(rf"^(?:\.|{_ALLELE}(?:,{_ALLELE})*)$")),
    (rules.REPEATED, _ALLELES.list.n_unique() < _ALLELES.list.len()),
    (rules.QUALITY, _QUALITY.is_null() & ~_QUAL.str.contains(_NO_NUMBER)),
    (rules.FILTER, ~pl.col("FILTER").str.contains(r"^[^\s;]+(?:;[^\s;]+)*$")),
    (rules.END, (_END != ".") & _STOP.is_null()),
    (rules.END_BEFORE, _STOP < _START),
    (rules.GT_NOT_FIRST, pl.col("gt_is_late")),
)
"""Each rule on the fixed fields with the expression that is true (not null) where it is broken."""


def parse_sites(lines: Lines, header: Header) -> tuple[Sites, list[Fault]]:
    """Split a batch of lines and check their fixed fields. Blank lines are in neither result."""
    faults: list[Fault] = []
    rows: list[int] = []
    fields: list[list[bytes]] = []
    for row, text in enumerate(lines.texts):
        rule = _line_rule(text, header)
        if rule is not None:
            faults.append(Fault(row, rule))
        elif text and not text.isspace():
            rows.append(row)
            fields.append(text.split(b"\t", 9))
    frame = _frame(rows, fields, header.build)
    for row, rule in _first_broken(frame):
        faults.append(Fault(row, rule))
    refused = {row for row, _ in faults}
    kept = [line for row, line in zip(rows, fields, strict=True) if row not in refused]
    formats = [line[8] if len(line) > 8 else None for line in kept]
    samples = [line[9] if len(line) > 9 else None for line in kept]
    good = frame.filter(~pl.col("row").is_in(sorted(refused)))
    info_text = pa.array(good["INFO"].to_list(), pa.string())
    return Sites(_columns(good, header.build), formats, samples, {}, info_text), faults


def _line_rule(text: bytes, header: Header) -> Rule | None:
    """The rule that a line breaks before its fields can be told apart."""
    if text.startswith(b"#"):
        return rules.HEADER_IN_BODY
    columns = text.count(b"\t") + 1
    if columns != header.columns:
        if not text or text.isspace():
            return None
        if columns == 1 and len(text.split()) >= len(FIXED_COLUMNS):
            return rules.SPACES
        return rules.TOO_FEW if columns < header.columns else rules.TOO_MANY
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            return rules.ENCODING
    return None


def _frame(rows: list[int], fields: list[list[bytes]], build: Build) -> pl.DataFrame:
    """The fixed fields as text, with what the rules need beside them."""
    columns = list(zip(*fields, strict=True)) or [()] * len(FIELDS)
    frame = pl.DataFrame(
        {"row": rows}
        | {name: columns[index] for index, name in enumerate(FIELDS)}
        | {"gt_is_late": [len(f) > 8 and b"GT" in f[8].split(b":")[1:] for f in fields]},
        schema={"row": pl.Int64} | dict.fromkeys(FIELDS, pl.Binary) | {"gt_is_late": pl.Boolean},
    ).with_columns(pl.col(FIELDS).cast(pl.String))
    names = frame["CHROM"].unique().to_list()
    contigs = pl.DataFrame(
        {
            "CHROM": names,
            "chromosome": [canonical_chromosome(name) for name in names],
            "last_position": [_last_position(name, build) for name in names],
        },
        schema={"CHROM": pl.String, "chromosome": pl.String, "last_position": pl.Int64},
    )
    return frame.join(contigs, on="CHROM", how="left", maintain_order="left")


def _last_position(contig: str, build: Build) -> int:
    """The last acceptable position: one behind the last base is the telomere."""
    length = build.length(canonical_chromosome(contig))
    return MAX_POSITION if length is None else length + 1


def _first_broken(frame: pl.DataFrame) -> Iterator[tuple[int, Rule]]:
    """Rows that break a rule, each with the first it breaks."""
    masks = frame.select(
        "row", *(mask.fill_null(False).alias(str(n)) for n, (_, mask) in enumerate(BROKEN))
    )
    broken = masks.filter(pl.any_horizontal(pl.exclude("row")))
    for row, *is_broken in broken.iter_rows():
        yield row, BROKEN[is_broken.index(True)][0]


def _columns(frame: pl.DataFrame, build: Build) -> pl.DataFrame:
    """The columns of genomics_variant from fields that are known to be valid."""
    sites = frame.select(
        "row",
        pl.lit(build.name, pl.String).alias("genome_build"),
        "chromosome",
        _START.cast(pl.Int32).alias("position"),
        pl.col("ID").str.extract("(?:^|;)(rs[0-9]+)(?:;|$)").alias("rs_id"),
        _STOP.cast(pl.Int32, strict=False).alias("end_position"),
        _REF.alias("reference_allele"),
        pl.when(pl.col("ALT") == ".")
        .then(pl.lit([], pl.List(pl.String)))
        .otherwise(_ALT.str.split(","))
        .alias("alternate_alleles"),
        _QUALITY.alias("quality"),
        pl.when(pl.col("FILTER") != ".").then(pl.col("FILTER").str.split(";")).alias("filters"),
        pl.concat_str(
            pl.lit(build.name or ""), "chromosome", _START, _REF, _ALT, _EXTENT, separator=":"
        ).alias("name"),
    )
    digests = [hashlib.blake2b(name.encode(), digest_size=16).digest() for name in sites["name"]]
    return sites.drop("name").with_columns(
        pl.Series("variant_id", [digest.hex() for digest in digests], pl.String),
        pl.Series("key", np.frombuffer(b"".join(d[:8] for d in digests), np.uint64)),
    )

"""ClinVar files of all makes: what their header says, and their records in blocks."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

import polars as pl

from medplatform.modalities.genomics.reference.build import BuildConflict, resolve_build

SITE = "https://ftp.ncbi.nlm.nih.gov/pub/clinvar/"
BLOCK_BYTES = 32 << 20
_LINE_BYTES = 1 << 20
_CONTIG = re.compile(r"##contig=<ID=([^,>]+),.*?length=(\d{1,12})\b")
_COLUMNS = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")


class ClinVarError(ValueError):
    """A ClinVar file cannot be used; the message names the file and the remedy."""


class Keys(NamedTuple):
    """INFO keys of one make of ClinVar VCF."""

    significance: str
    review: str
    conditions: str
    genes: str
    variation: str | None = None


_MAKES = {
    "CLNDN": Keys("CLNSIG", "CLNREVSTAT", "CLNDN", "GENEINFO"),
    "CLNDBN": Keys("CLNSIG", "CLNREVSTAT", "CLNDBN", "GENEINFO"),
    "CLINICAL_SIGNIFICANCE": Keys(
        "CLINICAL_SIGNIFICANCE", "REVIEW_STATUS", "ALL_TRAITS", "SYMBOL", "VARIATION_ID"
    ),
}


class Header(NamedTuple):
    """What the header of a ClinVar file says."""

    build: str
    released: date | None
    keys: Keys


def read_header(path: Path, lines: BufferedIOBase) -> Header:
    """Read the header lines, #CHROM with them.

    Raises
    ------
    ClinVarError
        Build or make are not known, the date is none, or the line #CHROM is not there as a whole.
    """
    contigs: dict[str, int] = {}
    texts: list[str] = [path.name]
    released, keys = None, None
    raw = b""
    for raw in iter(lambda: lines.readline(_LINE_BYTES), b""):
        line = raw.decode().rstrip()
        if not line.startswith("##"):
            break
        name, _, value = line[2:].partition("=")
        if contig := _CONTIG.match(line):
            contigs[contig[1]] = int(contig[2])
        elif name == "reference":
            texts.append(value)
        elif name == "fileDate":
            released = _read_date(path, value)
        elif name == "INFO":
            declared = value.removeprefix("<ID=").partition(",")[0]
            keys = _MAKES.get(declared, keys)
    try:
        build = resolve_build(contigs, texts, None).name
    except BuildConflict as error:
        raise ClinVarError(f"{path}: {error}") from None
    if build is None or keys is None:
        lacks = "says of which genome build it is" if build is None else "has the keys of ClinVar"
        raise ClinVarError(f"{path}: no header line {lacks}. Download it from {SITE}")
    if not (raw.startswith(b"#CHROM") and raw.endswith(b"\n")):
        raise ClinVarError(
            f"{path}: its header does not end with the line #CHROM. Download the file again from "
            f"{SITE}"
        )
    return Header(build, released, keys)


def _read_date(path: Path, text: str) -> date | None:
    """Eight digits, with or without dashes; None where it is written in another way."""
    digits = re.sub(r"\D", "", text)
    if len(digits) != 8:
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d").date()
    except ValueError:
        raise ClinVarError(
            f"{path}: fileDate is no date of the calendar. Download it again from {SITE}"
        ) from None


def iter_blocks(path: Path, lines: BufferedIOBase) -> Iterator[pl.DataFrame]:
    """The fixed fields of the records behind the line #CHROM, in bounded memory.

    Raises
    ------
    ClinVarError
        A record ends before its INFO, or the last without a line end, as that of a download does
        that broke off.
    """
    while block := lines.read(BLOCK_BYTES):
        block += lines.readline()
        records = pl.read_csv(
            block,
            separator="\t",
            has_header=False,
            new_columns=list(_COLUMNS),
            columns=list(range(len(_COLUMNS))),
            infer_schema=False,
            quote_char=None,
        ).filter(pl.any_horizontal(pl.all().is_not_null()))  # an empty line has none
        if sum(records.null_count().row(0)):
            raise ClinVarError(
                f"{path}: a record ends before its INFO. Download the file again from {SITE}"
            )
        if not block.endswith(b"\n"):
            # What was cut within INFO lacks its last keys, or ends within a symbol of a gene.
            raise ClinVarError(
                f"{path}: its last line has no line end, as where a transfer broke off. Transfer "
                f"the file again, or download it from {SITE}"
            )
        yield records

"""The header of a VCF file: version, samples, and what it says about the reference assembly.

Header text may hold paths, command lines and names of people, so none of it is kept: what leaves
this module are sample names, which the reader turns into tokens, and an assembly.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from medplatform.modalities.genomics.build import Build, BuildConflict, resolve_build
from medplatform.modalities.genomics.definition import Definition
from medplatform.modalities.genomics.lines import LineReader

FIXED_COLUMNS = (b"#CHROM", b"POS", b"ID", b"REF", b"ALT", b"QUAL", b"FILTER", b"INFO")
_VERSION = re.compile(rb"##fileformat=VCFv4\.\d+\s*")
_CONTIG_ID = re.compile(r"[<,]\s*ID=([^,>]+)")
_CONTIG_LENGTH = re.compile(r"[<,]\s*length=(\d{1,12})\s*[,>]")
_CONTIG_ASSEMBLY = re.compile(r"[<,]\s*assembly=([^,>]+)")
_OTHER_FORMATS = {
    b"BCF\x02": ("file.bcf", "This is BCF. Convert it: bcftools view -Oz -o FILE.vcf.gz FILE.bcf"),
    b"CRAM": ("file.alignment", "This is CRAM, an alignment. Deliver called variants as VCF."),
    b"BAM\x01": ("file.alignment", "This is BAM, an alignment. Deliver called variants as VCF."),
}


class HeaderError(ValueError):
    """The file cannot be read as VCF. `code` and the message go to the quarantine.

    `samples` is the number of sample columns where the line #CHROM was found, so that the records
    behind it can be counted; None where it was not.
    """

    def __init__(self, code: str, reason: str, samples: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.samples = samples


@dataclass(frozen=True, slots=True)
class Header:
    """What the reader needs of a header.

    Attributes
    ----------
    samples
        Names as delivered, None if not UTF-8.
    version
        Minor version of VCF 4, 5 for VCFv4.5; of a file that names none, 2.
    info, formats
        The definitions of INFO and FORMAT keys by key.
    """

    samples: tuple[str | None, ...]
    has_format: bool
    has_version: bool
    build: Build
    version: int = 2
    info: Mapping[str, Definition] = field(default_factory=dict)
    formats: Mapping[str, Definition] = field(default_factory=dict)

    @property
    def columns(self) -> int:
        """Columns of every record."""
        return len(FIXED_COLUMNS) + self.has_format + len(self.samples)


def read_header(lines: LineReader, declared_build: str | None) -> Header:
    """Read up to and including the line #CHROM.

    Raises
    ------
    HeaderError
        There is no header, it is not one of VCF 4, or its evidence for a build conflicts.
    """
    for magic, (code, reason) in _OTHER_FORMATS.items():
        if lines.peek(4) == magic:
            raise HeaderError(code, reason)
    version: bytes | None = None
    contigs: dict[str, int] = {}
    texts: list[str] = []
    while (line := lines.read_line()) is not None:
        if line.startswith(b"##"):
            if version is None and line.startswith(b"##fileformat="):
                version = line
            _note_reference(line, contigs, texts)
        elif line.startswith(b"#CHROM"):
            return _finish(line, version, contigs, texts, declared_build)
        elif line.strip():
            break
    raise HeaderError(
        "header.missing",
        "The file has no VCF header that ends with a line #CHROM. Deliver VCF 4, as text, gzip or "
        "bgzip, with its header.",
    )


def sample_names(column_line: bytes) -> list[bytes]:
    """Names in a line #CHROM; tabs that trail it are no columns."""
    return column_line.rstrip(b"\t").split(b"\t")[len(FIXED_COLUMNS) + 1 :]


def _note_reference(line: bytes, contigs: dict[str, int], texts: list[str]) -> None:
    key, _, value = line[2:].decode(errors="replace").partition("=")
    if key == "contig":
        name, length = _CONTIG_ID.search(value), _CONTIG_LENGTH.search(value)
        if name and length:
            contigs[name[1].strip()] = int(length[1])
        texts += _CONTIG_ASSEMBLY.findall(value)
    elif key in ("reference", "assembly"):
        texts.append(value)


def _finish(
    line: bytes,
    version: bytes | None,
    contigs: dict[str, int],
    texts: list[str],
    declared_build: str | None,
) -> Header:
    columns = tuple(line.rstrip(b"\t").split(b"\t"))
    names = sample_names(line)
    if columns[:8] != FIXED_COLUMNS or columns[8:9] not in ((), (b"FORMAT",)):
        raise HeaderError(
            "header.columns",
            "The line #CHROM does not hold CHROM POS ID REF ALT QUAL FILTER INFO and FORMAT, "
            "separated by tabs (VCF specification, section 1.5). Correct it.",
            samples=len(names),
        )
    if version is not None and not _VERSION.fullmatch(version):
        raise HeaderError(
            "header.version",
            "##fileformat does not name a version 4 of VCF. Convert the file to VCF 4.2 or later.",
            samples=len(names),
        )
    try:
        build = resolve_build(contigs, texts, declared_build)
    except BuildConflict as error:
        raise HeaderError("build.conflict", str(error), len(names)) from None
    return Header(
        samples=tuple(_decode(name) for name in names),
        has_format=len(columns) > 8,
        has_version=version is not None,
        build=build,
    )


def _decode(name: bytes) -> str | None:
    try:
        return name.decode().strip()
    except UnicodeDecodeError:
        return None

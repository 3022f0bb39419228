"""The header of a VCF file: version, samples, and what it says about the reference assembly.

Header text may hold paths, command lines and names of people, so none of it is kept: what leaves
this module are sample names, which the reader turns into tokens, and an assembly.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from medplatform.modalities.genomics import rules
from medplatform.modalities.genomics.header.definition import Definition
from medplatform.modalities.genomics.header.meta import Meta, parse_meta
from medplatform.modalities.genomics.reference.build import Build, BuildConflict, resolve_build
from medplatform.modalities.genomics.rules import Fault, Rule
from medplatform.modalities.genomics.sources.lines import LineReader

FIXED_COLUMNS = (b"#CHROM", b"POS", b"ID", b"REF", b"ALT", b"QUAL", b"FILTER", b"INFO")
DEFAULT_VERSION = 2
MAX_HEADER_BYTES = 64 << 20
MAX_HEADER_LINES = 1 << 18
MAX_SAMPLES = 1_000_000
MAX_NAME_BYTES = 256
"""Of a sample; laboratories write some ten characters."""
_VERSION = re.compile(rb"##fileformat=VCFv4\.(\d{1,3})\s*")
_IDENTIFIED = frozenset({"INFO", "FORMAT", "FILTER", "ALT", "contig"})
_OTHER_FORMATS = {
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
    contigs, filters, alternates
        What else is declared, by ID: `alternates` are symbolic alleles, without their brackets.
    line_count
        Lines up to and including #CHROM; `blank_count` of them are blank.
    faults
        Header lines that break a rule; `row` is the index of the line.
    """

    samples: tuple[str | None, ...]
    has_format: bool
    has_version: bool
    build: Build
    version: int = DEFAULT_VERSION
    info: Mapping[str, Definition] = field(default_factory=dict)
    formats: Mapping[str, Definition] = field(default_factory=dict)
    contigs: frozenset[str] = frozenset()
    filters: frozenset[str] = frozenset()
    alternates: frozenset[str] = frozenset()
    line_count: int = 0
    blank_count: int = 0
    faults: tuple[Fault, ...] = ()

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
    draft = _Draft()
    while (line := lines.read_line()) is not None:
        if line.startswith(b"#CHROM"):
            return draft.finish(line, declared_build)
        if not draft.add(line):
            break
    raise HeaderError(
        "header.missing",
        "The file has no VCF header that ends with a line #CHROM. Deliver VCF 4, as text, gzip or "
        "bgzip, with its header.",
    )


def sample_names(column_line: bytes) -> list[bytes]:
    """Names in a line #CHROM; tabs that trail it are no columns."""
    return column_line.rstrip(b"\t").split(b"\t")[len(FIXED_COLUMNS) + 1 :]


class _Draft:
    """What the lines of a header say, before the line #CHROM."""

    def __init__(self) -> None:
        self._lines = self._blank = self._size = 0
        self._version_line: bytes | None = None
        self._version = DEFAULT_VERSION
        self._lengths: dict[str, int] = {}
        self._references: list[str] = []
        self._ids: dict[str, set[str]] = {key: set() for key in _IDENTIFIED}
        self._info: dict[str, Definition] = {}
        self._formats: dict[str, Definition] = {}
        self._faults: list[Fault] = []

    def add(self, line: bytes) -> bool:
        """Take a line; False where it cannot be of a VCF header.

        What is behind the limits is only counted: the header is refused at its end.
        """
        self._lines += 1
        self._size += len(line)
        if not line.strip():
            self._blank += 1
        elif not line.startswith(b"##"):
            self._refuse(rules.NO_HEADER_LINE)
            return self._lines > 1 and line.count(b"\t") < len(FIXED_COLUMNS) - 1
        elif self._is_too_large:
            pass
        elif line.startswith(b"##fileformat="):
            self._add_version(line)
        else:
            self._add_meta(parse_meta(line.decode(errors="replace"), self._version))
        return True

    @property
    def _is_too_large(self) -> bool:
        return self._lines > MAX_HEADER_LINES or self._size > MAX_HEADER_BYTES

    def _refuse(self, rule: Rule) -> None:
        if not self._is_too_large:
            self._faults.append(Fault(self._lines - 1, rule))

    def _add_version(self, line: bytes) -> None:
        if self._version_line is not None:
            self._refuse(rules.META_REPEATED)
            return
        if self._lines > 1:
            self._refuse(rules.META_NOT_FIRST)
        self._version_line = line
        if found := _VERSION.fullmatch(line):
            self._version = int(found[1])

    def _add_meta(self, meta: Meta) -> None:
        if meta.fault is not None:
            self._refuse(meta.fault)
        name = meta.fields.get("ID")
        if name is not None and meta.key in _IDENTIFIED:
            if name in self._ids[meta.key] and meta.key != "contig":
                if meta.fault is None:
                    self._refuse(rules.META_REPEATED)
                return
            self._ids[meta.key].add(name)
        if (definition := meta.definition) is not None and meta.key in ("INFO", "FORMAT"):
            known = self._info if meta.key == "INFO" else self._formats
            known[definition.id] = definition
        self._note_reference(meta)

    def _note_reference(self, meta: Meta) -> None:
        if meta.key == "contig":
            length = meta.fields.get("length", "")
            if length.isascii() and length.isdigit() and len(length) < 13:
                self._lengths[meta.fields.get("ID", "")] = int(length)
            self._references += [meta.fields["assembly"]] if "assembly" in meta.fields else []
        elif meta.key in ("reference", "assembly"):
            self._references.append(meta.value)

    def finish(self, line: bytes, declared_build: str | None) -> Header:
        self._lines += 1
        self._size += len(line)
        line = line.rstrip(b"\t")
        count = max(0, line.count(b"\t") - len(FIXED_COLUMNS))
        if self._is_too_large or count > MAX_SAMPLES:
            raise HeaderError(
                "header.too_large",
                f"The header has more than {MAX_HEADER_BYTES >> 20} MiB, {MAX_HEADER_LINES} lines "
                f"or {MAX_SAMPLES} samples. Remove lines that nothing needs, or split the file by "
                f"samples.",
                samples=count,
            )
        columns = tuple(line.split(b"\t"))
        names = sample_names(line)
        if any(len(name) > MAX_NAME_BYTES for name in names):
            raise HeaderError(
                "header.sample_name",
                f"The line #CHROM has a sample name of more than {MAX_NAME_BYTES} bytes: it is "
                f"damaged, or columns are not separated by tabs. Export the file again.",
                samples=len(names),
            )
        if columns[:8] != FIXED_COLUMNS or columns[8:9] not in ((), (b"FORMAT",)):
            raise HeaderError(
                "header.columns",
                "The line #CHROM does not hold CHROM POS ID REF ALT QUAL FILTER INFO and FORMAT, "
                "separated by tabs (VCF specification, section 1.5). Correct it.",
                samples=len(names),
            )
        if self._version_line is not None and not _VERSION.fullmatch(self._version_line):
            raise HeaderError(
                "header.version",
                "##fileformat does not name a version 4 of VCF. Convert the file to VCF 4.2 or "
                "later.",
                samples=len(names),
            )
        if len(columns) == len(FIXED_COLUMNS) + 1:
            self._refuse(rules.FORMAT_ALONE)
        try:
            build = resolve_build(self._lengths, self._references, declared_build)
        except BuildConflict as error:
            raise HeaderError("build.conflict", str(error), len(names)) from None
        return Header(
            samples=tuple(_decode(name) for name in names),
            has_format=len(columns) > len(FIXED_COLUMNS),
            has_version=self._version_line is not None,
            build=build,
            version=self._version,
            info=self._info,
            formats=self._formats,
            contigs=frozenset(self._ids["contig"]),
            filters=frozenset(self._ids["FILTER"]),
            alternates=frozenset(self._ids["ALT"]),
            line_count=self._lines,
            blank_count=self._blank,
            faults=tuple(self._faults),
        )


def _decode(name: bytes) -> str | None:
    try:
        return name.decode().strip()
    except UnicodeDecodeError:
        return None

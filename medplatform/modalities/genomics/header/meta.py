"""One meta-information line of a VCF header (VCF 4.5, section 1.4): its key, fields and faults.

A line that breaks a rule costs no record: it is refused by itself, and what could be read of it is
used. No value of a line leaves this module but ids, numbers, types and descriptions.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from medplatform.modalities.genomics import rules
from medplatform.modalities.genomics.header.definition import (
    Definition,
    parse_number,
    parse_type,
)
from medplatform.modalities.genomics.header.reserved import reserved_format, reserved_info
from medplatform.modalities.genomics.rules import Rule

_PAIR = re.compile(
    r"\s*(?P<key>[^=,<>\"\s]+)\s*=\s*"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|\[[^\[\]]*\]|[^\",<>\[\]]*)(?P<end>,|$)"
)
_KEY = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*|1000G")
# First-level types of VCF 4.5, section 1.4.5, what callers write for reference blocks, copy numbers
# of the 1000 Genomes Project, and IUPAC codes (VCF 4.3, section 1.4.5).
_ALT_ID = re.compile(
    r"(?:(?:DEL|INS|DUP|INV|CNV|BND)(?::[^\s:<>,]+)*|CN[0-9]+|NON_REF|\*(?::DEL)?|X|[RYSWKMBDHVN])"
)
_CONTIG_ID = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")
_GENOME_ID = re.compile(r"[^\s:,;\"'<>]+")
_URL = re.compile(r"(?:https?|ftp)://(?P<host>[^/:\s]+)(?::[0-9]+)?(?:/\S*)?|file:\S+")
_ORDER = ("ID", "Number", "Type", "Description")
_STRUCTURED = frozenset({"INFO", "FORMAT", "FILTER", "ALT", "contig", "META", "SAMPLE", "PEDIGREE"})
FREE_ORDER = 3
"""From this minor version on, VCF gives the order of the fields of a line no meaning."""


@dataclass(frozen=True, slots=True)
class Meta:
    """A line `##key=value`; `fields` are those of a structured value, without their quotes."""

    key: str
    value: str
    fields: Mapping[str, str] = field(default_factory=dict)
    quoted: frozenset[str] = frozenset()
    fault: Rule | None = None

    @property
    def definition(self) -> Definition | None:
        """What an INFO or FORMAT line defines, as far as it can be read."""
        key = self.fields.get("ID")
        number = parse_number(self.fields.get("Number", ""))
        kind = parse_type(self.fields.get("Type", ""))
        if not key or number is None or kind is None:
            return None
        if kind == "Flag":
            number = 0
        elif number == 0:
            number = "."
        return Definition(key, number, kind, self.fields.get("Description", ""))


def parse_meta(line: str, version: int) -> Meta:
    """Read a line that begins with ##; `version` is the minor version of VCF 4."""
    key, equals, value = line.removeprefix("##").partition("=")
    value = value.strip()
    if not equals or not key.strip() or not value:
        return Meta(key, value, fault=rules.META_PAIR)
    if key not in _STRUCTURED:
        return Meta(key, value, fault=_url_fault(key, value))
    if key == "PEDIGREE" and value[0] != "<":
        return Meta(key, value)
    fields, quoted = _split(value)
    if fields is None:
        return Meta(key, value, fault=rules.META_SYNTAX)
    meta = Meta(key, value, fields, quoted)
    fault = _FAULTS.get(key, _no_fault)(meta, version)
    return Meta(key, value, fields, quoted, fault)


def _split(value: str) -> tuple[dict[str, str] | None, frozenset[str]]:
    """Fields of a structured value and which of them are quoted; None where it is malformed."""
    if not (value.startswith("<") and value.endswith(">")):
        return None, frozenset()
    text, place = value[1:-1], 0
    fields: dict[str, str] = {}
    quoted: set[str] = set()
    while place < len(text) or (place and text[place - 1] == ","):
        found = _PAIR.match(text, place)
        if found is None or found["key"] in fields:
            return None, frozenset()
        content = found["value"]
        if content.startswith('"'):
            quoted.add(found["key"])
            content = re.sub(r"\\(.)", r"\1", content[1:-1])
        fields[found["key"]] = content
        place = found.end()
    return fields or None, frozenset(quoted)


def _no_fault(_meta: Meta, _version: int) -> Rule | None:
    return None


def _url_fault(key: str, value: str) -> Rule | None:
    """Addresses of assemblies and pedigrees: VCF 4.3, sections 1.4.6 and 1.4.9."""
    if key not in ("assembly", "pedigreeDB"):
        return None
    address = value[1:-1] if value.startswith("<") and value.endswith(">") else value
    found = _URL.fullmatch(address)
    host = found["host"] if found else None
    is_number = host is not None and host.isdigit()
    is_broken = not address or is_number or (found is None and "://" in address)
    return rules.META_URL if is_broken else None


def _definition_fault(meta: Meta, version: int) -> Rule | None:
    """INFO and FORMAT: VCF 4.5, sections 1.4.2 and 1.4.4."""
    if meta.definition is None or (meta.key == "FORMAT" and meta.fields["Type"] == "Flag"):
        return rules.META_DEFINITION
    if "Description" not in meta.quoted or meta.quoted & {"ID", "Number", "Type"}:
        return rules.META_DEFINITION
    if version < FREE_ORDER and tuple(meta.fields)[: len(_ORDER)] != _ORDER:
        return rules.META_ORDER
    if version >= FREE_ORDER and not _KEY.fullmatch(meta.fields["ID"]):
        return rules.META_ID
    reserved = reserved_info if meta.key == "INFO" else reserved_format
    known = reserved(meta.fields["ID"], version) if version else None  # VCF 4.0 had no A and G
    number, kind = parse_number(meta.fields["Number"]), parse_type(meta.fields["Type"])
    if known and (kind not in known.types or (known.is_checked and number != known.number)):
        return rules.META_RESERVED
    return None


def _described_fault(meta: Meta, _version: int) -> Rule | None:
    """FILTER: VCF 4.5, section 1.4.3."""
    is_named = meta.fields.get("ID") and "ID" not in meta.quoted
    return None if is_named and "Description" in meta.quoted else rules.META_DEFINITION


def _alternate_fault(meta: Meta, version: int) -> Rule | None:
    """ALT: VCF 4.5, section 1.4.5."""
    fault = _described_fault(meta, version)
    if fault or not _ALT_ID.fullmatch(meta.fields["ID"]):
        return fault or rules.META_ID
    has_number = {"Number", "Type"} & meta.fields.keys()
    return _definition_fault(meta, version) if has_number else None


def _contig_fault(meta: Meta, _version: int) -> Rule | None:
    """Contig: VCF 4.5, section 1.4.7."""
    return None if _CONTIG_ID.fullmatch(meta.fields.get("ID", "")) else rules.META_ID


def _sample_fault(meta: Meta, version: int) -> Rule | None:
    """SAMPLE, whose genomes and mixtures were obligatory before VCF 4.3."""
    if not meta.fields.get("ID"):
        return rules.META_ID
    is_old = version < FREE_ORDER
    is_quoted = bool(meta.quoted - {"Description"})
    return rules.META_SAMPLE if is_old and ("Genomes" not in meta.fields or is_quoted) else None


def _pedigree_fault(meta: Meta, _version: int) -> Rule | None:
    is_named = all(_GENOME_ID.fullmatch(name) for name in meta.fields.values())
    return None if is_named else rules.META_ID


_FAULTS: dict[str, Callable[[Meta, int], Rule | None]] = {
    "INFO": _definition_fault,
    "FORMAT": _definition_fault,
    "FILTER": _described_fault,
    "ALT": _alternate_fault,
    "contig": _contig_fault,
    "SAMPLE": _sample_fault,
    "PEDIGREE": _pedigree_fault,
}

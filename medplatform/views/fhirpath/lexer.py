"""The tokens of FHIRPath (HL7 FHIRPath, section "Lexical Elements")."""

import json
import re
from dataclasses import dataclass

from medplatform.views.fhirpath.syntax import SyntaxFault

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<time>@T\d\d(:\d\d(:\d\d(\.\d+)?)?)?)
  | (?P<datetime>@\d{4}(-\d\d(-\d\d)?)?T(\d\d(:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?)?)
  | (?P<date>@\d{4}(-\d\d(-\d\d)?)?)
  | (?P<decimal>\d+\.\d+)
  | (?P<integer>\d+)
  | (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<delimited>`(?:[^`\\]|\\.)*`)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<symbol>\$this|\$index|\$total|<=|>=|!=|!~|[-+*/&|=~<>.,()\[\]{}%])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES = {"f": "\f", "n": "\n", "r": "\r", "t": "\t"} | {c: c for c in "'\"`\\/"}


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its kind, its text without quotes, and its offset in the expression."""

    kind: str
    text: str
    offset: int


def tokenize(text: str) -> list[Token]:
    """The tokens of an expression, ended by one of kind `end`.

    Raises
    ------
    SyntaxFault
        A character belongs to no token.
    """
    tokens: list[Token] = []
    offset = 0
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None:
            raise SyntaxFault(f"unexpected {text[offset]!r} at character {offset + 1}")
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, _content(kind, match.group()), offset))
        offset = match.end()
    return [*tokens, Token("end", "", offset)]


def _content(kind: str, text: str) -> str:
    if kind in ("string", "delimited"):
        return _ESCAPE.sub(_unescape, text[1:-1])
    if kind == "time":
        return text[2:]
    if kind in ("date", "datetime"):
        return text[1:].removesuffix("T")
    return text


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1)
    if code in _ESCAPES:
        return _ESCAPES[code]
    if len(code) == 5:
        return json.loads(f'"\\{code}"')
    raise SyntaxFault(f"unknown escape \\{code} in a string")

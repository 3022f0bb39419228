"""FHIRPath (N1) as a syntax tree: the part of the grammar that invariants use."""

import re
from dataclasses import dataclass

# Grammar, section 10 of FHIRPath N1; the higher, the tighter.
_PRECEDENCE = {
    "implies": 1,
    "or": 2,
    "xor": 2,
    "and": 3,
    "in": 4,
    "contains": 4,
    "=": 5,
    "!=": 5,
    "~": 5,
    "!~": 5,
    "<": 6,
    "<=": 6,
    ">": 6,
    ">=": 6,
    "|": 7,
    "is": 8,
    "as": 8,
    "+": 9,
    "-": 9,
    "&": 9,
    "*": 10,
    "/": 10,
    "div": 10,
    "mod": 10,
}
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)
      | '(?P<string>(?:[^'\\]|\\.)*)'
      | (?P<word>[%$]?[A-Za-z_][A-Za-z0-9_]*|`[^`]+`)
      | (?P<sign><=|>=|!=|!~|[=~<>|+\-*/&().,\[\]{}]))""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
MAX_DEPTH = 100


class Unsupported(Exception):
    """The expression uses something that is not evaluated here; the message says what."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A boolean, number or string; `{}` is None."""

    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Variable:
    """`$this` or `%resource`."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A path step; without a target it starts at `$this`."""

    target: "Node | None"
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function; without a target it is called on `$this`."""

    target: "Node | None"
    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """A binary operator."""

    sign: str
    left: "Node"
    right: "Node"


Node = Literal | Variable | Member | Call | Operation


def parse(expression: str) -> Node:
    """The syntax tree of an expression.

    Raises:
        Unsupported: It is not FHIRPath, or of a part that is not read here.
    """
    parser = _Parser(_tokenize(expression))
    tree = parser.expression(0)
    parser.expect_end()
    return tree


def _tokenize(expression: str) -> list[tuple[str, str]]:
    tokens = []
    position, end = 0, len(expression.rstrip())
    while position < end:
        found = _TOKEN.match(expression, position)
        if not found:
            raise Unsupported("an expression that could not be parsed")
        kind = found.lastgroup or ""
        tokens.append((kind, found[kind]))
        position = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0

    def expression(self, lowest: int) -> Node:
        """An expression whose operators all bind tighter than `lowest`."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unsupported("an expression that is nested too deeply")
        left = self._invocations(self._term())
        while (precedence := _PRECEDENCE.get(self._operator(), 0)) > lowest:
            sign = self._take()[1]
            right = self._type_name() if sign in ("is", "as") else self.expression(precedence)
            left = Operation(sign, left, right)
        self._depth -= 1
        return left

    def expect_end(self) -> None:
        """Nothing may follow."""
        if self._position < len(self._tokens):
            raise self._failure()

    def _term(self) -> Node:
        kind, text = self._take()
        if kind == "string":
            return Literal(_unescape(text))
        if kind == "number":
            return Literal(float(text) if "." in text else int(text))
        if kind == "word":
            if text in ("true", "false"):
                return Literal(text == "true")
            if text[0] in "$%":
                return Variable(text)
            return self._step(None, text)
        if text == "(":
            inner = self.expression(0)
            self._expect(")")
            return inner
        if text == "-" and self._peek()[0] == "number":
            number = self._take()[1]
            return Literal(-float(number) if "." in number else -int(number))
        if text == "{":
            self._expect("}")
            return Literal(None)
        raise self._failure()

    def _invocations(self, node: Node) -> Node:
        while True:
            if self._peek() == ("sign", "."):
                self._take()
                kind, name = self._take()
                if kind != "word":
                    raise self._failure()
                node = self._step(node, name)
            elif self._peek() == ("sign", "["):
                self._take()
                node = Call(node, "[]", (self.expression(0),))
                self._expect("]")
            else:
                return node

    def _step(self, target: Node | None, word: str) -> Node:
        if self._peek() != ("sign", "("):
            return Member(target, word.strip("`"))
        self._take()
        arguments = []
        while self._peek() != ("sign", ")"):
            if arguments:
                self._expect(",")
            is_type = word in ("is", "as", "ofType")
            arguments.append(self._type_name() if is_type else self.expression(0))
        self._take()
        return Call(target, word, tuple(arguments))

    def _type_name(self) -> Literal:
        kind, name = self._take()
        while self._peek() == ("sign", "."):
            self._take()
            kind, name = self._take()
        if kind != "word":
            raise self._failure()
        return Literal(name.strip("`"))

    def _operator(self) -> str:
        kind, text = self._peek()
        return text if kind in ("sign", "word") else ""

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._position] if self._position < len(self._tokens) else ("", "")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._position += 1
        return token

    def _expect(self, sign: str) -> None:
        if self._take() != ("sign", sign):
            raise self._failure()

    def _failure(self) -> Unsupported:
        return Unsupported("an expression that could not be parsed")


def _unescape(text: str) -> str:
    return _ESCAPE.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPED.get(found[2], found[2]), text
    )

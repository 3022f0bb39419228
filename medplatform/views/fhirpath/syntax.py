"""The syntax tree of a FHIRPath expression."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TypeAlias


class SyntaxFault(ValueError):
    """The text is not a FHIRPath expression."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written out: its FHIRPath type in lower case, and its text or number as text."""

    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Empty:
    """The empty collection, `{}`."""


@dataclass(frozen=True, slots=True)
class This:
    """The item that is looked at, `$this`."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A constant of the view or a variable of the environment, `%name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """An element by name, of `target` or (None) of the context."""

    target: "Expression | None"
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function on `target` or (None) on the context."""

    target: "Expression | None"
    name: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Indexer:
    """One item of a collection, `target[index]`."""

    target: "Expression"
    index: "Expression"


@dataclass(frozen=True, slots=True)
class Negation:
    """A number with its sign changed, `-operand`."""

    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands of an operator such as `and`, `=`, `+`."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class TypeTest:
    """`operand is type` or `operand as type`."""

    operator: str
    operand: "Expression"
    type: str


Expression: TypeAlias = (
    Literal | Empty | This | Variable | Member | Call | Indexer | Negation | Binary | TypeTest
)


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and all its parts, outermost first."""
    yield expression
    for field in fields(expression):
        part = getattr(expression, field.name)
        for item in part if isinstance(part, tuple) else (part,):
            if not isinstance(item, str | None):
                yield from walk(item)

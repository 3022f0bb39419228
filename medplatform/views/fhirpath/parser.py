"""A parser by recursive descent (HL7 FHIRPath, section "Operator Precedence")."""

from functools import cache

from medplatform.views.fhirpath.lexer import Token, tokenize
from medplatform.views.fhirpath.syntax import (
    Binary,
    Call,
    Empty,
    Expression,
    Indexer,
    Literal,
    Member,
    Negation,
    SyntaxFault,
    This,
    TypeTest,
    Variable,
)

_LEVELS = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("in", "contains"),
    ("=", "~", "!=", "!~"),
    ("<", ">", "<=", ">="),
    ("|",),
    ("is", "as"),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)
"""Binary operators, from those that bind least to those that bind most."""

_LITERALS = ("string", "integer", "decimal", "date", "datetime", "time")
_MAX_DEPTH = 64


@cache
def parse(text: str) -> Expression:
    """The syntax tree of an expression.

    Raises
    ------
    SyntaxFault
        The text is not FHIRPath; the message says what was met at which character.
    """
    parser = _Parser(tokenize(text))
    expression = parser.binary(0)
    parser.expect_end()
    return expression


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.token
        self.position += 1
        return token

    def accept(self, *symbols: str) -> Token | None:
        if self.token.kind in ("symbol", "name") and self.token.text in symbols:
            return self.take()
        return None

    def expect(self, symbol: str) -> None:
        if not self.accept(symbol):
            self.fail(f"expected {symbol!r}")

    def expect_end(self) -> None:
        if self.token.kind != "end":
            self.fail("expected the end of the expression")

    def fail(self, expectation: str) -> None:
        token = self.token
        met = "the end" if token.kind == "end" else repr(token.text)
        raise SyntaxFault(f"{expectation}, met {met} at character {token.offset + 1}")

    def binary(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while operator := self.accept(*_LEVELS[level]):
            if operator.text in ("is", "as"):
                left = TypeTest(operator.text, left, self.type_name())
            else:
                left = Binary(operator.text, left, self.binary(level + 1))
        return left

    def unary(self) -> Expression:
        if sign := self.accept("-", "+"):
            operand = self.unary()
            return Negation(operand) if sign.text == "-" else operand
        return self.invocation()

    def invocation(self) -> Expression:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.fail(f"expressions nest at most {_MAX_DEPTH} deep")
        expression = self.term()
        while True:
            if self.accept("."):
                expression = self.member(expression)
            elif self.accept("["):
                expression = Indexer(expression, self.binary(0))
                self.expect("]")
            else:
                self.depth -= 1
                return expression

    def term(self) -> Expression:
        token = self.token
        if token.kind in _LITERALS:
            self.take()
            self.refuse_unit()
            return Literal(token.kind, token.text)
        if self.accept("true", "false"):
            return Literal("boolean", token.text)
        if self.accept("("):
            expression = self.binary(0)
            self.expect(")")
            return expression
        if self.accept("{"):
            self.expect("}")
            return Empty()
        if self.accept("%"):
            return Variable(self.name("name", "delimited", "string"))
        if self.accept("$this"):
            return This()
        return self.member(None)

    def refuse_unit(self) -> None:
        previous = self.tokens[self.position - 1].kind
        if previous in ("integer", "decimal") and self.token.kind == "string":
            self.fail("quantities with a unit are not supported; compare .value and .code")

    def member(self, target: Expression | None) -> Expression:
        name = self.name("name", "delimited")
        if not self.accept("("):
            return Member(target, name)
        arguments: list[Expression] = []
        if not self.accept(")"):
            arguments.append(self.binary(0))
            while self.accept(","):
                arguments.append(self.binary(0))
            self.expect(")")
        return Call(target, name, tuple(arguments))

    def name(self, *kinds: str) -> str:
        if self.token.kind not in kinds:
            self.fail("expected a name")
        return self.take().text

    def type_name(self) -> str:
        name = self.name("name", "delimited")
        while self.accept("."):
            name = f"{name}.{self.name('name', 'delimited')}"
        return name

"""Invariants: FHIRPath constraints of a profile, compiled to closures.

Evaluated is the subset that needs nothing but the resource itself: paths, `$this`, `%resource`,
`%context`, the operators, and the functions in `functions`; of the target of a
reference only its type is known. Everything else (terminology, `conformsTo`, dates in arithmetic)
is refused when the profile is compiled and listed as a gap. A constraint that cannot be decided on
one record (an order of two date times, what lies behind a reference) is reported as undecided.
FHIRPath N1; a constraint holds only where it is true, not where it is empty (FHIR R4, 2.26).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from medplatform.modalities.ehr.profiles import functions
from medplatform.modalities.ehr.profiles.checks import Place, Run
from medplatform.modalities.ehr.profiles.issue import Severity
from medplatform.modalities.ehr.profiles.syntax import (
    Call,
    Literal,
    Member,
    Node,
    Operation,
    Unsupported,
    Variable,
    parse,
)
from medplatform.modalities.ehr.profiles.tree import Constraint
from medplatform.modalities.ehr.profiles.values import (
    FALSE,
    OPAQUE,
    TRUE,
    Context,
    Item,
    Items,
    Undecided,
    navigate,
    truth,
)

# Focus ($this as a collection) and context in, collection out.
Evaluate = Callable[[Items, Context], Items]


@dataclass(slots=True)
class InvariantTest:
    """One constraint on a value."""

    key: str
    severity: Severity
    evaluate: Evaluate
    type_code: str

    def run(self, value: Any, place: Place, run: Run) -> None:
        """Report a value for which the constraint is not true."""
        if value is None:
            return
        # The extensions of a primitive are not at hand here.
        focus = [Item(value, self.type_code, None if isinstance(value, dict) else OPAQUE)]
        try:
            holds = truth(self.evaluate(focus, Context(run.root, value)))
        except Undecided:
            run.report("profile.undecided", place, self.key, "information")
            return
        if not holds:
            run.report("profile.invariant", place, self.key, self.severity)


def compile_invariant(constraint: Constraint, type_code: str) -> InvariantTest:
    """Compile a constraint on an element of the type.

    Raises:
        Unsupported: It uses something that is not evaluated here.
    """
    if not constraint.expression:
        raise Unsupported("no FHIRPath expression")
    severity: Severity = "error" if constraint.severity == "error" else "warning"
    evaluate = _compile(parse(constraint.expression))
    return InvariantTest(constraint.key, severity, evaluate, type_code)


def _compile(node: Node) -> Evaluate:
    if isinstance(node, Literal):
        items: Items = [] if node.value is None else [Item(node.value)]
        return lambda focus, context: items
    if isinstance(node, Variable):
        return _variable(node.name)
    if isinstance(node, Member):
        return _member(node)
    if isinstance(node, Operation):
        return _operation(node)
    return _call(node)


def _variable(name: str) -> Evaluate:
    if name == "$this":
        return lambda focus, context: focus
    if name in ("%resource", "%rootResource"):
        return lambda focus, context: [Item(context.root)]
    if name == "%context":
        return lambda focus, context: [Item(context.value)]
    if name in functions.CONSTANTS:
        items = [Item(functions.CONSTANTS[name])]
        return lambda focus, context: items
    raise Unsupported(f"the variable {name}")


def _target(node: Node | None) -> Evaluate:
    return _variable("$this") if node is None else _compile(node)


def _member(node: Member) -> Evaluate:
    name = node.name
    if node.target is None:
        return lambda focus, context: navigate(focus, name)
    target = _compile(node.target)
    return lambda focus, context: navigate(target(focus, context), name)


def _call(node: Call) -> Evaluate:
    target = _target(node.target)
    if node.name in functions.SCOPED:
        scoped, counts = functions.SCOPED[node.name]
        _check_arguments(node, counts)
        criteria = [_compile(argument) for argument in node.arguments]
        return lambda focus, context: scoped(target(focus, context), criteria, context)
    if node.name in functions.FUNCTIONS:
        function, counts = functions.FUNCTIONS[node.name]
        _check_arguments(node, counts)
        # Arguments are evaluated at $this, not at the target.
        arguments = [_compile(argument) for argument in node.arguments]
        return lambda focus, context: function(
            target(focus, context), [part(focus, context) for part in arguments], context
        )
    raise Unsupported(f"the function {node.name}")


def _check_arguments(node: Call, counts: tuple[int, int]) -> None:
    if not counts[0] <= len(node.arguments) <= counts[1]:
        raise Unsupported(f"the function {node.name} with {len(node.arguments)} arguments")


def _operation(node: Operation) -> Evaluate:
    left, right = _compile(node.left), _compile(node.right)
    if node.sign in _LOGIC:
        return _LOGIC[node.sign](left, right)
    operator = functions.OPERATORS.get(node.sign)
    if operator is None:
        raise Unsupported(f"the operator {node.sign}")
    return lambda focus, context: operator(left(focus, context), right(focus, context))


def _and(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(focus: Items, context: Context) -> Items:
        first = truth(left(focus, context))
        if first is False:
            return FALSE
        second = truth(right(focus, context))
        if second is False:
            return FALSE
        return TRUE if first and second else []

    return evaluate


def _or(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(focus: Items, context: Context) -> Items:
        first = truth(left(focus, context))
        if first:
            return TRUE
        second = truth(right(focus, context))
        if second:
            return TRUE
        return [] if first is None or second is None else FALSE

    return evaluate


def _xor(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(focus: Items, context: Context) -> Items:
        first, second = truth(left(focus, context)), truth(right(focus, context))
        if first is None or second is None:
            return []
        return TRUE if first is not second else FALSE

    return evaluate


def _implies(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(focus: Items, context: Context) -> Items:
        first = truth(left(focus, context))
        if first is False:
            return TRUE
        second = truth(right(focus, context))
        if second:
            return TRUE
        return [] if first is None or second is None else FALSE

    return evaluate


_LOGIC: dict[str, Callable[[Evaluate, Evaluate], Evaluate]] = {
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
}

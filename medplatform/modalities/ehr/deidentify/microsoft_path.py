"""The part of FHIRPath that anonymizer configurations select elements with, as selectors."""

import re
from dataclasses import dataclass

from medplatform.modalities.ehr.definitions import PRIMITIVES, Release, elements_of
from medplatform.modalities.ehr.deidentify.policy import PolicyError
from medplatform.modalities.ehr.deidentify.selector import is_named, is_resource

_BY_TYPE = re.compile(r"nodesByType\(\s*['\"]([A-Za-z0-9]+)['\"]\s*\)")
_BY_NAME = re.compile(r"nodesByName\(\s*['\"]([A-Za-z0-9]+)['\"]\s*\)")
_OF_TYPE = re.compile(r"(?:ofType|as)\(\s*([A-Za-z0-9]+)\s*\)")
_WHERE = re.compile(r"where\(\s*([A-Za-z0-9]+)\s*=\s*'([^']*)'\s*\)")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_AS = re.compile(r"\(?\s*(?P<path>.+?)\s+as\s+(?P<type>[A-Za-z0-9]+)\s*\)?(?P<rest>(\.[^()]+)?)")


@dataclass(frozen=True, slots=True)
class Selection:
    """A selector, and of which elements around it: those whose `where[0]` is `where[1]`."""

    select: str
    where: tuple[str, str] | None = None
    asks_child: bool = False
    """Whether the condition is on the selected element, not on the one around it."""

    @property
    def is_resource_id(self) -> bool:
        """Whether it selects the id of resources."""
        head, _, rest = self.select.partition(".")
        return rest == "id" and (head in ("Resource", "DomainResource") or is_resource(head))


def read_path(path: str) -> list[Selection]:
    """Read a path; a union is several.

    Raises
    ------
    PolicyError
        A function or operator of the path has no counterpart in selectors.
    """
    return [selection for part in _split(path, "|") for selection in _read(part.strip())]


def _read(path: str) -> list[Selection]:
    if cast := _AS.fullmatch(path):
        path = f"{cast['path'].lstrip('(')}.ofType({cast['type']}){cast['rest']}"
    steps = [step.strip() for step in _split(path, ".")]
    head, names = _head(steps)
    select, where, asks_child = head, None, False
    for position, step in enumerate(names):
        if step == "descendants()":
            if position < len(names) - 1:
                raise PolicyError("descendants() can only stand at the end.")
        elif found := _WHERE.fullmatch(step):
            if where is not None or position < len(names) - 2:
                raise PolicyError("where() can only stand before the last element, or after it.")
            where, asks_child = (found[1], found[2]), position == len(names) - 1
        else:
            select = _add(select, step)
    if select.endswith("[*]"):
        base = select.removesuffix("[*]")
        return [Selection(name, where, asks_child) for name in (base, f"{base}[x]")]
    return [Selection(select, where, asks_child)]


def _split(path: str, mark: str) -> list[str]:
    """The parts of a path between marks that stand outside of brackets and quotes."""
    parts, depth, is_quoted = [""], 0, False
    for character in path:
        is_quoted ^= character == "'"
        if not is_quoted:
            depth += (character == "(") - (character == ")")
        if character == mark and depth == 0 and not is_quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _head(steps: list[str]) -> tuple[str, list[str]]:
    """The type that a path begins with, and the steps from there."""
    first, *rest = steps
    if found := _BY_TYPE.fullmatch(first):
        return found[1], rest
    if first[:1].isupper() and _NAME.fullmatch(first):
        return first, rest
    return "Resource", steps


def _add(select: str, step: str) -> str:
    if found := _BY_TYPE.fullmatch(step):
        return f"{select}//{found[1]}"
    if found := _BY_NAME.fullmatch(step):
        return f"{select}..{found[1]}[*]"
    if found := _OF_TYPE.fullmatch(step):
        if not select.endswith("[x]"):
            raise PolicyError(f"{step} must follow a choice element.")
        return select.removesuffix("[x]") + found[1][0].upper() + found[1][1:]
    if not _NAME.fullmatch(step):
        raise PolicyError(f"{step!r} cannot be expressed.")
    return f"{select.replace('[*]', '')}.{step}{'[x]' if _is_choice(select, step) else ''}"


def _is_choice(select: str, name: str) -> bool:
    """Whether an element of this name is a choice; where its place is unknown, it is not."""
    head, *steps = re.split(r"\.+", select.rpartition("//")[2])
    types = {head}
    for step in steps:
        types = {kind for kind, _ in _children(types, step)}
    return any(not is_exact for _, is_exact in _children(types, name))


def _children(types: set[str], name: str) -> list[tuple[str, bool]]:
    """Types of the elements of this name, and whether the name is theirs as it is."""
    found = []
    for type_name in types - PRIMITIVES:
        for release in (Release.R4B, Release.R5):
            try:
                elements = elements_of(type_name, release).values()
            except KeyError:
                continue
            exact = [(e.type, True) for e in elements if is_named(e, name)]
            choice = name if name.endswith("[x]") else f"{name}[x]"
            found += exact or [(e.type, False) for e in elements if is_named(e, choice)]
    return found

"""Cases of generalisation in anonymizer configurations: a test on `$this`, and what replaces it."""

import re
from typing import Any

from medplatform.modalities.ehr.deidentify.policy import Bounds, PolicyError, Vocabulary

_LITERAL = r"'[^']*'"
_LIST = rf"\(\s*({_LITERAL}(?:\s*\|\s*{_LITERAL})*)\s*\)"
_IN = re.compile(rf"\$this\s+in\s+{_LIST}|{_LIST}\s+contains\s+\$this")
_STARTS = re.compile(r"\$this\.startsWith\('([^']*)'\)")
_COMPARED = re.compile(r"\$this\s*(>=|<=|>|<)\s*(@[0-9T:.Z+-]+|-?[0-9.]+)")
_CUT = re.compile(r"\$this\.substring\(\s*0\s*,\s*(\d+)\s*\)\s*(?:\+\s*'([^']*)')?")
_BOUNDS = {">=": "at_least", ">": "above", "<=": "at_most", "<": "below"}


def read_case(test: str, result: str) -> tuple[Vocabulary | None, str | int | float]:
    """For which texts a case is (None for all), and the value that replaces them.

    Raises
    ------
    PolicyError
        The test or the result is more than a `Policy` can say.
    """
    vocabulary = _read_test(test.strip())
    return vocabulary, _read_result(result.strip(), vocabulary)


def _read_test(test: str) -> Vocabulary | None:
    if test == "true":
        return None
    if found := _IN.fullmatch(test):
        return Vocabulary(values=frozenset(re.findall(r"'([^']*)'", found[1] or found[2])))
    starts = [_STARTS.fullmatch(part.strip()) for part in re.split(r"\bor\b", test)]
    if all(starts):
        return Vocabulary(prefixes=tuple(start[1] for start in starts if start))
    bounds: dict[str, Any] = {}
    for part in re.split(r"\band\b", test):
        found = _COMPARED.fullmatch(part.strip())
        if found is None:
            raise PolicyError(f"the test {test!r} cannot be expressed.")
        literal = found[2]
        bounds[_BOUNDS[found[1]]] = literal[1:] if literal[0] == "@" else float(literal)
    return Vocabulary(bounds=Bounds(**bounds))


def _read_result(result: str, vocabulary: Vocabulary | None) -> str | int | float:
    if re.fullmatch(_LITERAL, result):
        return result[1:-1]
    if re.fullmatch(r"@[0-9T:.Z+-]+", result):
        return result[1:]
    if re.fullmatch(r"-?\d+", result):
        return int(result)
    if re.fullmatch(r"-?\d+\.\d+", result):
        return float(result)
    # The first characters are the same for all texts if they are those that the test asks for.
    found = _CUT.fullmatch(result)
    starts = {p[: int(found[1])] for p in vocabulary.prefixes} if found and vocabulary else set()
    if found and len(starts) == 1 and len(start := starts.pop()) == int(found[1]):
        return start + (found[2] or "")
    raise PolicyError(f"the result {result!r} cannot be expressed.")

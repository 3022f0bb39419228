"""Mutants of resources, to look for one that the accept filter accepts and the arbiter refuses.

For many more mutants than a test has time for:

    python -m medplatform_tests.modalities.ehr.conformance.mutation FHIR_DATA [MUTANTS] [SEED]
"""

import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from medplatform.modalities.ehr.conformance.verdict import accepts, find_issues
from medplatform.modalities.ehr.definitions import Release

from .samples import hl7_examples, synthea

_EXTENSION = {"extension": [{"url": "http://a.example", "valueString": "b"}]}
VALUES: tuple[Any, ...] = (
    *(None, "", " ", "\n", "\u00a0", "\u0000", "\u2028", "é", "和", "a  b", " a", "a\tb", "a b"),
    *("abc", "x" * 65, "x" * 300, "final", "active", "male", "bogus", "A-1.b", "a_b", "%"),
    *("Patient/1", "1200-02-29", "2020-04-31", "9999-12-31"),
    *("1990", "1990-01", "0000", "999", "0999", "1990-02-30", "2020-13-01", "2019-02-29"),
    *("2020-02-29", "1900-02-29", "2000-02-29", "1000-02-29"),
    *("2015-02-07T13:28:17", "2015-02-07T13:28:17Z", "2015-02-07T13:28Z", "2015-02-07T24:00:00Z"),
    *("2016-12-31T23:59:60Z", "2015-02-07T13:28:17.1234567+14:00", "2015-02-07T13:28:17+14:30"),
    *("2015-02-07T13:28:17-00:00", "9999-12-31T23:59:59.999999999-12:00", "2015-02T10:00:00Z"),
    *("13:28:17", "13:28", "24:00:00", "13:28:17.123456789", "13:28:17Z"),
    *("1000-01-01T00:00:00+14:00", 2**31, 2**31 - 1, -(2**31), 2**53, 2**63, -(2**63)),
    *(0, 1, 5, -1, 1.0, 1.5, -0.0, 1e300, 5e-324),
    *(True, False, "true", "5", "-5", "1.5", "9223372036854775807", "007"),
    *("http://x y", "http://999.999.999.999/", "urn:oid:1.2", "urn:oid:3.1", "urn:oid:1.02"),
    *("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "c757873d-ec9a-1326-a141-556f43239520"),
    *("aGVsbG8=", "aGVsbG8", "aGV sbG8=", "aGVs\nbG8=", "====", "aaaa====", "aGVsbG9=="),
    *([], {}, [None], ["x"], [[]], [{}], [1, None], {"a": 1}, {"value": 1}, {"id": "a"}),
    *(_EXTENSION, {"extension": []}, [_EXTENSION], [None, _EXTENSION], [_EXTENSION, None]),
    *({"url": "http://a.example", **_EXTENSION, "valueString": "b"}, {"fhir_comments": ["a"]}),
    *({"reference": "Patient/1"}, {"coding": [{"code": "a"}]}, '{"reference": "Patient/1"}'),
    *({"resourceType": "Patient"}, {"resourceType": "Nope"}, {"resourceType": "Reference"}),
    *([{"resourceType": "Observation"}], [{"resourceType": "Organization", "name": "n"}]),
    *([{"resourceType": "Basic", "code": {}, "contained": [{"resourceType": "Basic"}]}],),
)  # fmt: skip
_NAMES = (
    *("id", "extension", "modifierExtension", "contained", "status", "value", "foo", "text"),
    *("class_fhir", "resource_type", "resourceType", "fhir_comments", "status__ext", "_id"),
    *("valueString", "valueBoolean", "valueQuantity", "valueInteger", "deceasedBoolean"),
    *("deceasedDateTime", "onsetString", "effectivePeriod", "effectiveDateTime", "language"),
    *("meta", "implicitRules", "_status", "_valueString", "valueUuid", "valueUrl", "valueOid"),
    *("valueTime", "valueBase64Binary", "valueInteger64", "valueId", "valueCode", "valueDecimal"),
)  # fmt: skip


class Mutator:
    """Changes resources at random, with the names and values that occur in a corpus as well."""

    def __init__(self, corpus: Iterable[bytes], seed: int) -> None:
        self._random = random.Random(seed)
        self._originals = [orjson.loads(raw) for raw in corpus]
        self._found: list[tuple[str, Any]] = []
        for original in self._originals:
            nodes = [node for node in _walk(original) if isinstance(node, dict)]
            node = self._random.choice(nodes)
            self._found += node.items()

    def mutants(self, count: int) -> Iterator[dict[str, Any]]:
        """Resources with one to three changes each."""
        for _ in range(count):
            mutant = orjson.loads(orjson.dumps(self._random.choice(self._originals)))
            for _ in range(self._random.choice((1, 1, 1, 2, 3))):
                nodes = [node for node in _walk(mutant) if node]
                if nodes:
                    self._change(self._random.choice(nodes))
            yield mutant

    def texts(self, count: int) -> Iterator[bytes]:
        """Resources as text with one to five bytes changed, left out or put in."""
        for _ in range(count):
            text = bytearray(orjson.dumps(self._random.choice(self._originals)))
            for _ in range(self._random.choice((1, 1, 2, 5))):
                at = self._random.randrange(len(text))
                match self._random.randrange(3):
                    case 0:
                        text[at] = self._random.randrange(256)
                    case 1:
                        del text[at]
                    case _:
                        text.insert(at, self._random.choice(b'{}[]",:\\ 0'))
            yield bytes(text)

    def _change(self, node: dict[str, Any] | list[Any]) -> None:
        if isinstance(node, dict):
            self._change_object(node)
        else:
            self._change_list(node)

    def _change_object(self, node: dict[str, Any]) -> None:
        name = self._random.choice(list(node))
        value = node[name]
        match self._random.randrange(9):
            case 0:
                del node[name]
            case 1 | 2:
                node[name] = self._value()
            case 3:
                node[f"_{name}"] = self._random.choice((_copy(_EXTENSION), self._value()))
            case 4:
                node[self._random.choice(_NAMES)] = self._value()
            case 5:
                found_name, found_value = self._random.choice(self._found)
                node[found_name] = _copy(found_value)
            case 6:
                node[name] = value[0] if isinstance(value, list) and value else [value]
            case 7:
                node[name] = orjson.dumps(value).decode()
            case _:
                node[name] = _copy(self._random.choice(self._found)[1])

    def _change_list(self, node: list[Any]) -> None:
        match self._random.randrange(4):
            case 0:
                node.append(self._value())
            case 1:
                node.append(_copy(node[0]))
            case 2:
                node.pop(self._random.randrange(len(node)))
            case _:
                node[self._random.randrange(len(node))] = self._value()

    def _value(self) -> Any:
        return _copy(self._random.choice(VALUES))


@dataclass
class Tally:
    """What became of mutants; `false_accepts` are those that only the filter accepts."""

    counts: Counter[str] = field(default_factory=Counter)
    false_accepts: list[bytes] = field(default_factory=list)


def try_mutants(corpus: Iterable[bytes], release: Release, *, count: int, seed: int) -> Tally:
    """Let the filter judge mutants, and the arbiter those that the filter accepts."""
    tally = Tally()
    for mutant in Mutator(corpus, seed).mutants(count):
        if not accepts(mutant, release):
            tally.counts["left open"] += 1
        elif find_issues(mutant, release):
            tally.counts["false accept"] += 1
            tally.false_accepts.append(orjson.dumps(mutant))
        else:
            tally.counts["accepted"] += 1
    return tally


def _copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


def _walk(node: Any) -> Iterator[dict[str, Any] | list[Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _walk(value)
    elif isinstance(node, list):
        yield node
        for value in node:
            yield from _walk(value)


def main(folder: str, count: str = "100000", seed: str = "1") -> None:
    """Try mutants of all public resources, and print what became of them."""
    data = Path(folder)
    for release in Release:
        examples = hl7_examples(data, Release.R5 if release is Release.R5 else Release.R4)
        corpus = [
            raw for raw in examples.values() if len(raw) < 40_000 and b'"resourceType"' in raw
        ]
        if release is not Release.R5:
            corpus += synthea(data, 200)
        tally = try_mutants(corpus, release, count=int(count), seed=int(seed))
        print(release.name, len(corpus), "resources", dict(tally.counts))
        for raw in tally.false_accepts[:20]:
            print(raw.decode())


if __name__ == "__main__":
    main(*sys.argv[1:])

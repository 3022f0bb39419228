"""Repeated keys, however they are written."""

import json
import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from medplatform.modalities.ehr.conformance.keys import RepeatedKey, check_keys, has_plain_keys
from medplatform.modalities.ehr.conformance.verdict import judge
from medplatform.modalities.ehr.definitions import Release
from medplatform_tests.modalities.ehr.conftest import observation, patient

from .samples import hl7_examples, synthetic


def is_surely_unique(raw: bytes) -> bool:
    return has_plain_keys(raw, orjson.dumps(orjson.loads(raw)))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":"a","id":"a"}',
        b'{"id":"a","id" :"a"}',
        b'{"id":"a","id"\t:"a"}',
        b'{"id" \n :"a","id":"b"}',
        b'{"id":"a","\\u0069d":"b"}',
        b'{"id":"a","i\\u0064":"b"}',
        b'{"id":{"\\\\":1},"id":"x"}',
        b'{"id":{"a\\\\":{"b\\\\":[]}},"id":"x"}',
        b'{"id":"\\":\\":\\":","id":"x"}',
        b'{"id":"\\\\","id":"x"}',
        b'{"name":[{"family":"a","family":"b"}]}',
        b'{"value":1e5,"value":1e5}',
        b'{"value":{"a":{"b":{}}},"value":[]}',
    ],
)
def test_a_repeated_key_is_found(raw: bytes) -> None:
    assert not is_surely_unique(raw)
    with pytest.raises(RepeatedKey):
        check_keys(raw)
    resource = b'{"resourceType":"Patient",' + raw[1:]
    assert [issue.code for issue in judge(resource, Release.R4).issues] == ["json.duplicate_key"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":"a"}',
        b'{ "id": "a",\n "name": [ {"family": "b"} ] }',
        b'{"value":72.50,"code":"\\u00e9\\/"}',
        b'{"text":"\\":\\": \\\\"}',
        b'{"text":"he said \\"a\\":b"}',
    ],
)
def test_unique_keys_are_told_without_a_second_reading(raw: bytes) -> None:
    assert is_surely_unique(raw)
    check_keys(raw)


def test_a_colon_after_white_space_takes_a_second_reading() -> None:
    raw = b'{"resourceType" : "Patient", "name": [{"text": "a : b"}]}'
    assert not is_surely_unique(raw)
    assert judge(raw, Release.R4)[2:] == ((), False, "filter")


def repeat_key(content: dict[str, Any], numbers: random.Random) -> bytes:
    """The resource as text, with a key of one of its objects written twice."""
    nodes: list[Any] = [content]
    for node in nodes:
        children = node.values() if isinstance(node, dict) else node
        nodes += [child for child in children if isinstance(child, dict | list) and child]
    node = numbers.choice([node for node in nodes if isinstance(node, dict)])
    key = numbers.choice(list(node))
    node["@"] = numbers.choice([node[key], 1, "x", {"a\\": '":'}, [{"b": {"c": None}}]])
    spelled = numbers.choice([key, key, f"\\u{ord(key[0]):04x}{key[1:]}"])
    space = numbers.choice(["", "", " ", "\t"])
    separators = numbers.choice([(",", ":"), (", ", ": "), (" , ", " : ")])
    text = json.dumps(content, separators=separators, ensure_ascii=numbers.random() < 0.5)
    return text.replace(f'"@"{separators[1]}', f'"{spelled}"{space}{separators[1]}').encode()


def test_a_key_repeated_anywhere_is_never_accepted() -> None:
    numbers = random.Random(8)
    resources = [orjson.loads(raw) for raw in synthetic(2)]
    resources += [patient(gender="male"), observation(valueQuantity={"value": 1e5})]
    for _ in range(1_500):
        content = orjson.loads(orjson.dumps(numbers.choice(resources)))
        raw = repeat_key(content, numbers)
        if orjson.loads(raw).get("resourceType") == content["resourceType"]:
            verdict = judge(raw, Release.R4)
            assert [issue.code for issue in verdict.issues] == ["json.duplicate_key"]


@pytest.mark.real
def test_keys_of_real_resources_are_unique(fhir_data: Path) -> None:
    examples = hl7_examples(fhir_data, Release.R4).values()
    doubtful = [raw for raw in examples if not is_surely_unique(raw)]
    assert len(doubtful) < len(examples) / 2
    for raw in doubtful:
        check_keys(raw)

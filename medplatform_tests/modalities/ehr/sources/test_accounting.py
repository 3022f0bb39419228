"""Nothing is lost or counted twice, whatever the bytes: two ways of counting agree."""

import gzip
import json
import random
from pathlib import Path

import pytest

from medplatform.modalities.ehr.sources import documents, layout, member

from .conftest import bundle, deletion, entry, read_file

TEXTS = [
    bundle(
        *(entry(f"p{n}", fullUrl=f"urn:uuid:{n}", request={"method": "PUT"}) for n in range(4)),
        deletion("Patient/9"),
        {"resource": bundle(entry("n"), deletion("Patient/8"), {"x": 1})},
        timestamp="2020",
    ),
    [entry("a")["resource"], bundle(entry("b")), 5, None, 'x{\\"]'],
    {"resourceType": "Patient", "id": "c", "name": [{"family": 'x{\\"]'}]},
    bundle(),
    {"resourceType": "List", "entry": [{"item": {"reference": "a"}}]},
]
LINES = [json.dumps(text).encode() for text in TEXTS]
PRETTY = [json.dumps(text, indent=1).encode() for text in TEXTS]
FILES = [*LINES, *PRETTY, b"\n".join(LINES), b"\r\n".join([*LINES, b"", b" "]), b"\n".join(PRETTY)]
TOKENS = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\n", b"1", b"\xff", b'"entry":[']
TOKENS += [b'"resource":{', b'"Bundle"', b'"resourceType":"Bundle",', b"\xef\xbb\xbf", b"\r"]


def mutate(data: bytes, chance: random.Random) -> bytes:
    text = bytearray(data)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(text) + 1)
        kind = chance.random()
        if kind < 0.3:
            del text[at : at + 1]
        elif kind < 0.85:
            text[at : at + chance.randrange(2)] = chance.choice(TOKENS)
        else:
            del text[at:]
    if chance.random() < 0.7:
        return bytes(text)
    packed = bytearray(gzip.compress(text))
    if chance.random() < 0.5:
        del packed[chance.randrange(len(packed)) :]
    elif chance.random() < 0.5:
        packed[chance.randrange(10, len(packed))] ^= 1 << chance.randrange(8)
    return bytes(packed)


@pytest.mark.parametrize("held", ["in memory", "twice"])
def test_mutated_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: str) -> None:
    if held == "twice":
        for module in (layout, documents):
            monkeypatch.setattr(module, "MAX_HELD_BYTES", 300)
        for module in (member, documents):
            monkeypatch.setattr(module, "CHUNK_BYTES", 37)
    chance = random.Random(held)
    outcomes: set[str] = set()
    for _ in range(500):
        path = tmp_path / chance.choice(["a.ndjson", "a.json"])
        data = mutate(chance.choice(FILES), chance)
        path.write_bytes(data)
        found = read_file(path, chance.choice([1, 100, 1 << 20]))  # checks that counts agree
        outcomes.update(code for _, code in found.codes)
        if not data.startswith(b"\x1f\x8b"):
            for line, (_, offset) in zip(found.lines, found.places, strict=True):
                raw = data[offset : (offset or 0) + len(line)]
                assert raw.replace(b"\n", b"\t").replace(b"\r", b"\t") == line
    assert {"file.not_json", "file.truncated", "file.corrupt", "entry.no_resource"} <= outcomes

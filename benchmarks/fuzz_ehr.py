"""`python -m benchmarks.fuzz_ehr [RUNS] [SEED] [FHIR_DATA]`: damaged health records, read whole.

Each run damages a small delivery (bytes flipped, inserted, deleted, spliced and cut; values
swapped, keys doubled, elements nested deeply; lines made Bundles, arrays, archives of gzip) and
reads it from its files to its tables. Whatever was done to it,

- the reader does not raise,
- every file delivers as many records as the independent count finds, and each is accepted,
  quarantined, kept or blank,
- nothing that names a patient stands in any table, unless the damage itself moved it into an
  element that is published.

FHIR_DATA is a folder of NDJSON files (plain or gzipped), whose records are damaged beside those
that are made up here. A run that breaks a rule leaves its files in `fuzz/`.
"""

import gzip
import json
import random
import re
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from benchmarks.canaries import CANARIES, DIRECT_ELEMENTS, RESOURCES
from medplatform.lake import Lake, Stage
from medplatform.modalities.delivery import Delivery, DeliveryOptions, open_delivery
from medplatform.modalities.ehr import EHR
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity, KeyRing

Subjects = Literal["resolve", "per_record"]

RECORDS = 25
RUNS_PER_VAULT = 100
_LAST_KEY = re.compile(rb'"([A-Za-z_]+)"\s*:[\s\[{]*"[^"]*\Z')
_ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, 2**31, 10**40, "", " ", "\u0000", "x" * 70, "2020-02-30", "9999"),
    *([], {}, [None], [[]], [{}], {"a": 1}, "#", "Patient/", "urn:uuid:", "0001-01-01", 1e308),
    *("2016-12-31T23:59:60Z", "24:00:00", "\U0001f9ec", {"resourceType": "Patient"}, "NaN"),
]


class Vandal:
    """Damages deliveries at random."""

    def __init__(self, rng: random.Random, corpus: list[bytes]) -> None:
        self._rng = rng
        self._corpus = corpus
        self._to_line: list[Callable[[bytes], bytes]] = [
            *(self._swap, self._swap, self._double_key, self._nest, self._drop_element),
        ]
        self._to_bytes: list[Callable[[bytes], bytes]] = [
            *(self._flip, self._insert, self._delete, self._splice, self._cut, self._repeat),
        ]
        self._forms: list[Callable[[list[bytes]], bytes]] = [
            *(b"\n".join, b"\n".join, b"\r\n".join, _array, _bundle, _pretty_bundle, _bundles),
        ]

    def files(self) -> dict[str, bytes]:
        """The files of a damaged delivery."""
        return {name: self._file() for name in self._rng.sample(["a.ndjson", "b.json", "c"], 2)}

    def _file(self) -> bytes:
        rng = self._rng
        lines = [
            line if b'"Patient"' in line else line.replace(b'"id":"', b'"id":"%d-' % number)
            for number, line in enumerate(rng.choices(self._corpus, k=rng.randrange(1, RECORDS)))
        ]
        for _ in range(rng.choice([0, 1, 1, 2, 5])):
            place = rng.randrange(len(lines))
            with suppress(ValueError, RecursionError):  # it is too broken already
                lines[place] = rng.choice(self._to_line)(lines[place])
        data = rng.choice(self._forms)(lines)
        for _ in range(rng.choice([0, 1, 1, 2, 8])):
            data = rng.choice(self._to_bytes)(data)
        if rng.random() < 0.2:
            data = gzip.compress(data, 1)
            if rng.random() < 0.5:
                data = rng.choice(self._to_bytes)(data)
        return data

    def _place(self, data: bytes) -> int:
        return self._rng.randrange(len(data) + 1)

    def _flip(self, data: bytes) -> bytes:
        place = self._place(data)
        return data[:place] + bytes([self._rng.randrange(256)]) + data[place + 1 :]

    def _insert(self, data: bytes) -> bytes:
        place = self._place(data)
        pieces = [
            b'"',
            b"\\",
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"\n",
            b"\0",
            b"\xff",
            b"\\u0000",
        ]
        pieces += [
            b"\xef\xbb\xbf",
            b"\xed\xa0\x80",
            b"null",
            b"1e999",
            b"[" * 300,
            b"{}",
            b"\r\n\n",
        ]
        return data[:place] + self._rng.choice(pieces) + data[place:]

    def _delete(self, data: bytes) -> bytes:
        place = self._place(data)
        return data[:place] + data[place + self._rng.choice([1, 1, 2, 10, 200]) :]

    def _splice(self, data: bytes) -> bytes:
        start, place = self._place(data), self._place(data)
        return data[:place] + data[start : start + self._rng.choice([1, 5, 40, 400])] + data[place:]

    def _cut(self, data: bytes) -> bytes:
        return data[: self._place(data)]

    def _repeat(self, data: bytes) -> bytes:
        return data + data[self._place(data) :]

    def _swap(self, line: bytes) -> bytes:
        """Another value, of another record or odd, in the place of one."""
        content = json.loads(line)
        places = list(_places(content))
        if not places:
            return line
        parent, key = self._rng.choice(places)
        other = json.loads(self._rng.choice(self._corpus))
        found = [inner[name] for inner, name in _places(other)]
        values = [value for value in found if not _has_canary(value)] + _ODD
        parent[key] = self._rng.choice(values)
        return _dump(content)

    def _drop_element(self, line: bytes) -> bytes:
        content = json.loads(line)
        parent, key = self._rng.choice(list(_places(content)))
        del parent[key]
        return _dump(content)

    def _double_key(self, line: bytes) -> bytes:
        keys = [match.start() for match in re.finditer(rb'"\w+":', line)]
        place = self._rng.choice(keys)
        return line[:place] + self._rng.choice([b'"id":"a",', b'"status":"final",']) + line[place:]

    def _nest(self, line: bytes) -> bytes:
        depth = self._rng.choice([2, 17, 60, 99, 101, 130, 300, 600])
        content = json.loads(line)
        name = self._rng.choice(["extension", "item", "contained", "part"])
        inner = b'{"url":"http://x.example","%s":[' % name.encode()
        nested = inner * depth + b"]}" * depth
        return _dump(content)[:-1] + b',"%s":[%s]}' % (name.encode(), nested)


def _dump(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(
        errors="surrogatepass"
    )


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    children = value.items() if isinstance(value, dict) else ()
    for key, child in list(enumerate(value) if isinstance(value, list) else children):
        yield value, key
        yield from _places(child)


def _has_canary(value: Any) -> bool:
    text = json.dumps(value)
    return any(canary in text for canary in CANARIES)


def _array(lines: list[bytes]) -> bytes:
    return b"[" + b",\n".join(lines) + b"]"


def _bundle(lines: list[bytes]) -> bytes:
    entries = [
        b'{"fullUrl":"urn:uuid:%d","resource":%s}' % (number, line)
        for number, line in enumerate(lines)
    ]
    return b'{"resourceType":"Bundle","type":"collection","entry":[%s]}' % b",".join(entries)


def _pretty_bundle(lines: list[bytes]) -> bytes:
    return _bundle(lines).replace(b'","', b'",\n  "').replace(b"},{", b"},\r\n{")


def _bundles(lines: list[bytes]) -> bytes:
    return b"\n".join(_bundle([line]) for line in lines)


def find_leaks(stage: Stage, files: dict[str, bytes]) -> list[str]:
    """The identifiers that stand in a table and were not put into a published element."""
    tables = [pq.read_table(path).to_pylist() for path in stage.folder.rglob("*.parquet")]
    written = str(tables) + str(stage.facts) + str(dict(stage.refusals))
    leaked = [canary for canary in CANARIES if canary in written]
    return [canary for canary in leaked if not _is_displaced(canary.encode(), files)]


def _is_displaced(canary: bytes, files: dict[str, bytes]) -> bool:
    """Whether the damage moved an identifier out of the elements that it was planted in."""
    for data in files.values():
        for match in re.finditer(re.escape(canary), data):
            key = _LAST_KEY.search(data[max(0, match.start() - 400) : match.start()])
            if key is None or key[1].decode() not in DIRECT_ELEMENTS:
                return True
    return False


def check(root: Path, files: dict[str, bytes], identity: Identity, subjects: Subjects) -> str:
    """Read a delivery; what is wrong with the result, or nothing."""
    folder = root / "landing" / "ehr" / "d"
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    opened = open_delivery(root / "landing", "ehr", "d")
    options = DeliveryOptions(subjects=subjects)
    delivery = Delivery("ehr", "d", opened.root, opened.sources, options)
    with Lake(root / "lake").stage("ehr", "d", "g") as stage:
        try:
            EHR.read(delivery, stage, identity, silent)
            stage.close()
        except Exception:  # noqa: BLE001 - any exception is what is looked for
            return traceback.format_exc()
        for source in delivery.sources:
            counts = stage.counts[source.source_id, "resource"]
            copies = sum(other.source_id == source.source_id for other in delivery.sources)
            counted = EHR.count_records(source)["resource"] * copies
            if not counts.is_balanced or counts.delivered != counted:
                return f"{source.path.name}: {counts}, but {counted} were counted"
        OUTCOMES.update(stage.refusals)
        OUTCOMES["accepted"] += sum(counts.accepted for counts in stage.counts.values())
        OUTCOMES["delivered"] += sum(counts.delivered for counts in stage.counts.values())
        leaks = find_leaks(stage, files)
    return f"leaked: {leaks}" if leaks else ""


OUTCOMES: Counter[str] = Counter()
"""Records delivered and accepted, and reasons, over all runs."""


def read_corpus(folder: Path | None) -> list[bytes]:
    """Records to damage: those made up here, and some of each file of a folder."""
    lines = [_dump(resource) for resource in RESOURCES] * 5
    for path in sorted(folder.rglob("*.ndjson*")) if folder else []:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            lines += [line.strip() for line in islice(stream, 20)]
    return lines


def main(runs: int = 1000, seed: int = 0, folder: Path | None = None) -> int:
    """Print what was found; the number of broken rules, at most 1 as an exit code."""
    corpus = read_corpus(folder)
    broken = 0
    identities: dict[Subjects, Identity] = {}
    with tempfile.TemporaryDirectory() as vaults:
        for run in range(runs):
            if run % RUNS_PER_VAULT == 0:
                for subjects in ("resolve", "per_record"):
                    vault = Path(vaults) / f"{run}-{subjects}"
                    identities[subjects] = Identity(KeyRing(bytes(range(32))), vault)
                print(f"{run} of {runs} runs, {broken} broken", file=sys.stderr)
            rng = random.Random(seed * 1_000_003 + run)
            files = Vandal(rng, corpus).files()
            subjects = rng.choice(list(identities))
            with tempfile.TemporaryDirectory() as root:
                problem = check(Path(root), files, identities[subjects], subjects)
            if problem:
                broken += 1
                kept = Path("fuzz") / f"{seed}-{run}"
                kept.mkdir(parents=True, exist_ok=True)
                for name, data in files.items():
                    (kept / name).write_bytes(data)
                print(f"run {run} (files in {kept}):\n{problem}")
    for outcome, amount in OUTCOMES.most_common():
        print(f"{amount:>10}  {outcome}")
    print(f"{runs} runs, {broken} broken")
    return min(broken, 1)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:3]]
    sys.exit(main(*numbers, *map(Path, sys.argv[3:4])))

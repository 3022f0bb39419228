"""HL7's examples of all resource types, through the whole reader, value by value.

With a policy that keeps everything, the tables must hold exactly what was delivered. What they
are compared with is read with the standard library alone.
"""

import json
import re
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medplatform.modalities.ehr import configure
from medplatform.modalities.ehr.configuration import Configuration
from medplatform.modalities.ehr.deidentify.fragment import KEEP_ALL
from medplatform.modalities.ehr.nested import table_name
from medplatform.modalities.ehr.sources import read_blocks
from medplatform.privacy import Identity

from .columns.written import Number, leaves, without_nulls
from .conftest import KEYS, Reading, reading

pytestmark = pytest.mark.real

_PATIENT = re.compile(r'"reference"\s*:\s*"[^"]*\bPatient/([A-Za-z0-9.-]{1,64})')
_OWN = ("id", "patient_id", "is_modified", "source_id", "record_number")
_ODD = {"entry.no_resource", "entry.deletion", "record.duplicate", "record.conflict"}
_WHOM = {"subject.missing", "subject.unknown", "subject.not_a_patient", "subject.conflict"}


@dataclass(frozen=True, slots=True)
class Examples:
    """What came of the examples of a release, and what was delivered, by source and number."""

    reading: Reading
    delivered: dict[tuple[str, int], Any]

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.reading.rows(table)

    def resources(self, table: str) -> Iterator[tuple[dict[str, Any], Any]]:
        """The rows of a table, and the resource that each comes from."""
        for row in self.rows(table):
            yield row, self.delivered[row["source_id"], row["record_number"]]


def parse(text: str | bytes) -> Any:
    return json.loads(text, parse_int=Number, parse_float=Number)


def examples(archive: Path, folder: Path, most: int) -> None:
    """Lay out files of each type, and the Patients that they refer to and that are not there."""
    found: Counter[str] = Counter()
    wanted: set[str] = set()
    there: set[str] = set()
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            stream = opened.extractfile(member)
            if stream is None or not member.name.endswith(".json"):
                continue
            text = stream.read().decode()
            resource = json.loads(text)
            found[resource["resourceType"]] += 1
            if found[resource["resourceType"]] <= most:
                (folder / Path(member.name).name).write_text(text)
                wanted.update(_PATIENT.findall(text))
                if resource["resourceType"] == "Patient":
                    there.add(resource["id"])
    lines = [json.dumps({"resourceType": "Patient", "id": i}) for i in sorted(wanted - there)]
    (folder / "patients.ndjson").write_text("\n".join(lines))


@pytest.fixture(scope="module", params=[("r4", 99), ("r5", 3)], ids=["R4", "R5"])
def kept(
    fhir_data: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Examples]:
    """The examples under a policy that keeps everything."""
    release, most = request.param
    root = tmp_path_factory.mktemp(release)
    folder = root / "in"
    folder.mkdir()
    (archive,) = (fhir_data / f"{release}-hl7-examples").glob("*.tar.gz")
    examples(archive, folder, most)
    (root / "policy.yaml").write_text(KEEP_ALL.dump())
    modality = configure(Configuration(policy=root / "policy.yaml"))
    identity = Identity(KEYS, root / "vault")
    with reading(folder, root, identity, {"subjects": "per_record"}, modality) as result:
        delivered = {
            (source.source_id, number): parse(line)
            for source in result.delivery.sources
            for block in read_blocks(source.path)
            for line, number in zip(block.lines, block.numbers, strict=True)
            if line.startswith(b"{") and b'"resourceType"' in line
        }
        yield Examples(result, delivered)


def test_the_whole_set_is_accounted_for(kept: Examples) -> None:
    kept.reading.assert_complete()
    refused = Counter(kept.reading.codes)
    accepted = kept.reading.counts().accepted
    assert accepted > 0.9 * kept.reading.counts().delivered
    assert set(refused) <= _ODD | _WHOM | {"fhir.missing_element", "fhir.invalid"}
    nested = [name for name in kept.reading.stage.tables() if name.startswith("ehr_fhir_")]
    assert sum(len(kept.rows(name)) for name in [*nested, "ehr_deletion"]) == accepted
    assert len(nested) > 100


def test_every_value_is_in_the_nested_tables(kept: Examples) -> None:
    values = 0
    for name in kept.reading.stage.tables():
        if name.startswith("ehr_fhir_"):
            for row, resource in kept.resources(name):
                expected = without_nulls(
                    {
                        key: value
                        for key, value in resource.items()
                        if key not in ("resourceType", "id", "contained")
                    }
                )
                assert table_name(resource["resourceType"]) == name
                found = plain({key: row[key] for key in row if key not in _OWN})
                assert same(found, expected), (row["source_id"], row["record_number"])
                values += leaves(expected)
    assert values > 30_000


def test_every_reference_and_extension_is_a_row(kept: Examples) -> None:
    references: Counter[tuple[str, int]] = Counter()
    extensions: dict[tuple[str, int], list[str]] = defaultdict(list)
    for name in kept.reading.stage.tables():
        if name.startswith("ehr_fhir_"):
            for row, resource in kept.resources(name):
                record = row["source_id"], row["record_number"]
                rest = {key: value for key, value in resource.items() if key != "contained"}
                for key, element in elements(rest):
                    references[record] += is_reference(key, element)
                    if key in ("extension", "modifierExtension"):
                        extensions[record].append(element["url"])
    for row in kept.rows("ehr_extension"):
        extensions[row["source_id"], row["record_number"]].remove(row["url"])
    assert not any(extensions.values())
    assert len(extensions) > 10
    found = Counter((r["source_id"], r["record_number"]) for r in kept.rows("ehr_reference"))
    assert found == +references
    assert found.total() > 500
    for row, resource in kept.resources("ehr_reference"):
        assert any("reference" in value for value in value_at(resource, row["path"]))


def test_every_contained_resource_is_a_row(kept: Examples) -> None:
    accepted = {
        (row["source_id"], row["record_number"])
        for name in kept.reading.stage.tables()
        if name.startswith("ehr_fhir_")
        for row in kept.rows(name)
    }
    expected = {
        record: list(resource["contained"])
        for record, resource in kept.delivered.items()
        if record in accepted and "contained" in resource
    }
    for row in kept.rows("ehr_contained"):
        inner = parse(row["content"])
        waiting = expected[row["source_id"], row["record_number"]]
        (found,) = [
            one
            for one in waiting
            if one["resourceType"] == row["contained_type"] and same(inner, untyped(one))
        ][:1]
        waiting.remove(found)
    assert expected
    assert not any(expected.values())


def untyped(resource: Any) -> Any:
    return without_nulls({key: value for key, value in resource.items() if key != "resourceType"})


def plain(row: Any) -> Any:
    """A row as JSON: exact numbers, folded elements unfolded, without what only columns have."""
    if isinstance(row, list):
        return [plain(item) for item in row]
    if not isinstance(row, dict):
        return row
    made = {}
    for name, value in row.items():
        element, _, sibling = name.partition("__")
        if value is None or sibling in ("start", "precision") or f"{name}__text" in row:
            continue
        made[element] = parse(value) if sibling == "json" else plain(value)
    return made


def same(found: Any, expected: Any) -> bool:
    """Whether two contents are equal; an integer may be written as a number or (R5) in quotes."""
    if isinstance(expected, dict):
        return set(found) == set(expected) and all(same(found[k], v) for k, v in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found) == expected
    return found == expected


def elements(value: Any, key: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All objects with the names that they stand under."""
    if isinstance(value, dict):
        yield key, value
        for name, child in value.items():
            yield from elements(child, name)
    elif isinstance(value, list):
        for item in value:
            yield from elements(item, key)


def is_reference(key: str, element: dict[str, Any]) -> bool:
    """Whether it is a Reference; some types have an element of that name that is a URI."""
    is_uri = key in ("", "education", "statement", "storageGuideline") or "language" in element
    return isinstance(element.get("reference"), str) and not is_uri


def value_at(resource: Any, path: str) -> list[Any]:
    """What stands at a path, in all items of lists on the way."""
    found = [resource]
    for name in path.split(".")[1:]:
        children = [parent.get(name) for parent in found]
        items = [child if isinstance(child, list) else [child] for child in children]
        found = [item for group in items for item in group if item is not None]
    return found

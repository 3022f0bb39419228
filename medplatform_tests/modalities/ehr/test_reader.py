"""A delivery from files to rows, refusals and counts."""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow.parquet as pq
import pytest

from medplatform.lake import Counts
from medplatform.privacy import Identity, KeyRing

from .conformance.samples import synthetic
from .conftest import Reading, bundle, ndjson, observation, patient

Read = Callable[..., Reading]
OUTCOME = {
    "resourceType": "OperationOutcome",
    "id": "c",
    "issue": [{"severity": "warning", "code": "informational"}],
}


def test_every_record_is_accounted_for(read: Read) -> None:
    lines = ndjson(patient(), observation(), OUTCOME, {"resourceType": "Nope"}) + b"\n{\n"
    result = read({"Patient.ndjson": lines, "empty.ndjson": b""})
    result.assert_complete()
    assert result.counts() == Counts(delivered=6, accepted=2, quarantined=2, blank=1, kept=1)
    assert result.stage.kept_kinds == {"OperationOutcome": 1}


def test_rows_know_file_and_record(read: Read) -> None:
    result = read({"b.json": json.dumps([OUTCOME, patient(), observation()]).encode()})
    (row,) = result.rows("ehr_observation")
    assert row["record_number"] == 3
    assert row["source_id"] == result.delivery.sources[0].source_id


def test_a_refusal_names_file_record_offset_and_element(read: Read) -> None:
    first = ndjson(patient())
    result = read({"Patient.000.ndjson": first + ndjson(patient("p2", birthDate="2020-02-30"))})
    (refusal,) = result.refusals
    assert refusal["file"] == "Patient.000.ndjson"
    assert refusal["record_number"] == 2
    assert refusal["byte_offset"] == len(first)
    assert refusal["resource_type"] == "Patient"
    assert refusal["element"] == "Patient.birthDate"
    assert refusal["unit"] == "resource"
    assert "Correct it" in refusal["reason"]


def test_no_element_that_is_empty_costs_another_record(read: Read) -> None:
    originals = {resource["resourceType"]: resource for resource in map(json.loads, synthetic(2))}
    elements = [(r, name) for r in originals.values() for name in (*r, "contained", "extension")]
    broken = [
        {**resource, name: value}
        for resource, name in elements
        for value in (None, [], {}, [None], [{}], "", 0)
    ]
    result = read({"Patient.ndjson": ndjson(patient()), "broken.ndjson": ndjson(*broken)})
    result.assert_complete()
    counts = result.counts()
    assert counts.delivered == len(broken) + 1
    assert counts.accepted > 50
    assert counts.quarantined > 100


def test_among_many_records_the_odd_ones_fare_as_by_themselves(read: Read) -> None:
    odd = [
        observation("bad-status", status="finished"),
        observation("bad_id"),
        observation("stranger", "Patient/unknown"),
        observation("text", valueQuantity={"value": "1"}),
        observation("modified", modifierExtension=[{"url": "urn:a", "valueBoolean": True}]),
        observation("holder", contained=[{"resourceType": "Basic", "id": "b", "code": {}}]),
        observation("exponent", valueQuantity={"value": 1e-7}),
    ]
    alone = read({"Patient.ndjson": ndjson(patient()), "Observation.ndjson": ndjson(*odd)})
    many = [observation(f"o{number}", valueQuantity={"value": number}) for number in range(600)]
    among = read(
        {
            "Patient.ndjson": ndjson(patient()),
            "Observation.ndjson": ndjson(*many[:300], *odd, *many[300:]),
            "OperationOutcome.ndjson": ndjson(*[OUTCOME] * 300),
        }
    )
    among.assert_complete()
    assert among.codes == alone.codes
    assert len(alone.codes) == 4
    counts = alone.counts()
    assert among.counts() == Counts(
        delivered=counts.delivered + 900,
        accepted=counts.accepted + 600,
        quarantined=counts.quarantined,
        kept=300,
    )
    assert among.stage.rows_staged("ehr_contained") == 1
    modified = [row for row in among.rows("ehr_fhir_observation") if row["is_modified"]]
    assert len(modified) == 1


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("form", ["lines", "bundle", "array", "line of bundles"])
def test_the_form_of_a_delivery_makes_no_difference(read: Read, form: str, compress: bool) -> None:
    resources = [observation(valueInteger=1), patient(birthDate="1980-05"), OUTCOME]
    whole = bundle(*({"resource": resource} for resource in resources))
    data = {
        "lines": ndjson(*resources),
        "bundle": json.dumps(whole, indent=2).encode(),
        "array": json.dumps(resources).encode(),
        "line of bundles": ndjson(whole),
    }[form]
    result = read({"x.json": gzip.compress(data) if compress else data})
    result.assert_complete()
    assert result.counts() == Counts(delivered=3, accepted=2, kept=1)
    (row,) = result.rows("ehr_observation")
    assert row["patient_id"] == result.rows("ehr_patient")[0]["patient_id"]


@pytest.mark.parametrize(
    "form", ["transaction", "batch", "searchset", "document", "history", "message"]
)
def test_bundles_of_any_type_are_opened(read: Read, form: str) -> None:
    content = bundle({"resource": patient()}, {"response": {"status": "204"}}, type=form)
    result = read({"x.json": json.dumps(content).encode()})
    result.assert_complete()
    assert result.codes == ["entry.no_resource"]
    assert result.counts() == Counts(delivered=2, accepted=1, quarantined=1)


def test_a_file_that_cannot_be_read_is_one_quarantined_record(read: Read) -> None:
    result = read({"a.json": b"[1,", "b.ndjson": ndjson(patient())})
    result.assert_complete()
    assert result.counts("a.json") == Counts(delivered=1, quarantined=1)
    assert result.refusals[0]["code"] == "file.not_json"
    assert result.counts("b.ndjson") == Counts(delivered=1, accepted=1)


def versioned(version: str | None, **elements: Any) -> dict[str, Any]:
    meta = {"meta": {"versionId": version}} if version else {}
    return patient(**meta, **elements)


def test_versions_of_a_record_are_rows_of_their_own(read: Read) -> None:
    result = read([versioned("1", gender="male"), versioned("2", gender="female")])
    assert [(row["version_id"], row["sex"]) for row in result.rows("ehr_patient")] == [
        ("1", "male"),
        ("2", "female"),
    ]


@pytest.mark.parametrize("version", ["1", None])
def test_a_version_that_comes_twice_is_kept_once_and_a_contradiction_flagged(
    read: Read, version
) -> None:
    same, other = versioned(version, gender="male"), versioned(version, gender="female")
    result = read([same, same, other])
    assert result.codes == ["record.duplicate", "record.conflict"]
    assert [row["severity"] for row in result.refusals] == ["error", "warning"]
    assert [row["sex"] for row in result.rows("ehr_patient")] == ["male"]
    assert [row["gender"] for row in result.rows("ehr_fhir_patient")] == ["male", "female"]


def test_a_refused_record_does_not_hide_its_correction(read: Read) -> None:
    result = read([patient(gender="x"), patient(gender="male")])
    assert result.codes == ["value.not_in_value_set"]
    assert len(result.rows("ehr_patient")) == 1


@pytest.mark.parametrize(
    ("resource_id", "code"),
    [(None, "record.no_id"), ("a" * 65, "record.bad_id"), ("a b", "fhir.invalid")],
)
def test_a_record_without_usable_id_is_refused(read: Read, resource_id, code: str) -> None:
    record = {key: value for key, value in patient(resource_id).items() if value is not None}
    assert read([record]).codes == [code]


def test_a_file_that_comes_twice_gives_its_rows_once(read: Read) -> None:
    lines = ndjson(patient(), OUTCOME) + b"\n"
    result = read({"a.ndjson": lines, "b.ndjson": lines})
    assert result.codes == ["file.duplicate"]
    assert len(result.rows("ehr_patient")) == 1
    (source_id,) = {source.source_id for source in result.delivery.sources}
    assert result.stage.counts[source_id, "resource"] == Counts(
        delivered=6, accepted=1, quarantined=2, blank=2, kept=1
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"resourceType":"Bundle","entry":[%s],"entry":[%s]}',
        '{"resourceType":"Bundle","entry":[{"resource":%s,"resource":%s}]}',
        '[{"resourceType":"Bundle","entry":[{"resource":%s,"fullUrl":"a","fullUrl":"b"},%s]}]',
    ],
)
def test_what_a_bundle_says_twice_is_not_read_from_it(read: Read, text: str) -> None:
    person = json.dumps(patient())
    result = read({"x.json": (text % (person, person)).replace(",", ",\n").encode()})
    result.assert_complete()
    assert {"json.duplicate_key", "file.not_json"} & set(result.codes)
    assert result.counts().accepted == 0


def test_a_repeated_key_in_one_entry_is_refused_alone(read: Read) -> None:
    content = json.dumps([patient(), patient("p2", "MRN-2")], indent=1)
    result = read({"x.json": content.replace('"id": "p2"', '"id": "p2", "id": "p3"').encode()})
    result.assert_complete()
    assert result.codes == ["json.duplicate_key"]


def test_damaged_gzip_is_accounted_for(read: Read) -> None:
    data = bytearray(gzip.compress(ndjson(*(patient(f"p{n}", f"M{n}") for n in range(2000)))))
    data[len(data) // 2] ^= 0xFF
    result = read({"x.ndjson.gz": bytes(data)})
    result.assert_complete()
    assert "file.corrupt" in result.codes


def test_a_patient_whose_type_is_written_with_escapes_is_read_too(read: Read) -> None:
    result = read({"x.ndjson": ndjson(patient()).replace(b'"Patient"', b'"\\u0050atient"')})
    result.assert_complete()
    assert len(result.rows("ehr_patient")) == 1


def test_progress_ends_at_its_total(read: Read) -> None:
    steps = read([patient(), observation()]).progress
    for what in ("patients", "records"):
        done = [done for name, done, _ in steps if name == what]
        assert done == sorted(done)
        assert done[-1] == steps[-1][2] > 0


def test_two_readings_give_the_same_rows(read: Read) -> None:
    resources = [patient(birthDate="1980"), observation(valueInteger=2)]
    first, second = read(resources), read(resources)
    tables = first.stage.tables()
    assert {"ehr_patient", "ehr_observation", "ehr_fhir_patient"} < set(tables)
    assert [first.rows(name) for name in tables] == [second.rows(name) for name in tables]


def places(value: Any, place: tuple = ()) -> Iterator[tuple]:
    if place:
        yield place
    children = value.items() if isinstance(value, dict) else ()
    children = enumerate(value) if isinstance(value, list) else children
    for key, child in children:
        yield from places(child, (*place, key))


def replaced(resource: Any, place: tuple, value: Any) -> Any:
    copy = json.loads(json.dumps(resource))
    parent = copy
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    return copy


ODD = [None, 1, 10**40, "x", "", '{"reference":"Patient/1"}', True, [], {}, [[]], [{}], [None]]


def test_odd_values_anywhere_never_stop_a_delivery(read: Read) -> None:
    address = {"use": "home", "postalCode": "02139", "country": "US"}
    samples = [
        patient(gender="male", birthDate="1980-01-01", address=[address]),
        observation(
            meta={"versionId": "1", "lastUpdated": "2020-01-01T00:00:00Z"},
            encounter={"reference": "Encounter/1"},
            category=[{"coding": [{"code": "survey"}]}],
            effectivePeriod={"start": "2020-01-01", "end": "2020-01-02"},
            component=[{"code": {}, "valueQuantity": {"value": 1, "unit": "kg"}}],
        ),
    ]
    mutants = [
        replaced(sample, place, value)
        for sample in samples
        for place in places(sample)
        for value in ODD
    ]
    result = read([patient(), *mutants])
    result.assert_complete()
    assert result.counts().delivered == len(mutants) + 1
    assert {"fhir.invalid", "value.wrong_type", "subject.missing"} <= set(result.codes)


CANARY = {
    "family": "Xylophonowitz",
    "given": "Quetzalina",
    "mrn": "CANARY-MRN-8841",
    "ssn": "999-88-7766",
    "phone": "555-013-4477",
    "mail": "quetzalina@canary.example",
    "street": "17 Unmistakable Lane",
    "city": "Canaryville",
    "postal code": "02139",
    "birth date": "1971-03-14",
    "local id": "canary-local-id",
    "encounter": "canary-encounter-id",
}


def canary_resources() -> list[dict[str, Any]]:
    c = CANARY
    person = patient(
        c["local id"],
        c["mrn"],
        name=[{"family": c["family"], "given": [c["given"]]}],
        telecom=[{"system": "phone", "value": c["phone"]}, {"system": "email", "value": c["mail"]}],
        address=[{"line": [c["street"]], "city": c["city"], "postalCode": c["postal code"]}],
        birthDate=c["birth date"],
        text={
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{c["family"]}</div>',
        },
    )
    person["identifier"].append({"system": "http://hl7.org/fhir/sid/us-ssn", "value": c["ssn"]})
    note = f"{c['given']} {c['family']}, {c['phone']}"
    about = {"reference": f"Patient/{c['local id']}", "display": note}
    seen = observation(
        "canary-observation-id",
        subject="",
        note=[{"text": note}],
        valueString=note,
        encounter={"reference": f"Encounter/{c['encounter']}", "display": note},
        code={"coding": [{"system": "https://x.example", "code": "1", "display": note}]},
        effectiveDateTime=c["birth date"],
    ) | {"subject": about}
    broken = [
        {**person, "birthDate": note},
        {**person, "gender": note},
        {**person, c["family"]: note},
        {**person, "id": note},
        {**seen, "id": "o2", "status": note},
        {**seen, "id": "o3", "subject": {"reference": f"Patient/{c['ssn']}"}},
        {"resourceType": note},
        {"resourceType": c["family"]},
    ]
    return [person, seen, *broken]


def test_no_identifier_of_a_patient_leaves_landing_and_vault(read: Read) -> None:
    name = f"{CANARY['family']}_{CANARY['given']}.ndjson"
    result = read({name: ndjson(*canary_resources()) + b"{" + CANARY["family"].encode()})
    assert result.counts() == Counts(delivered=11, accepted=2, quarantined=9)
    staged = [path for path in result.stage.folder.rglob("*") if path.is_file()]
    assert {path.parent.name for path in staged} > {"ehr_patient", "ehr_observation", "quarantine"}
    cells = str([pq.read_table(path).to_pylist() for path in staged])
    bytes_of_files = b"".join(path.read_bytes() for path in staged)
    heard = str(result.progress)
    for what, identifier in CANARY.items():
        assert identifier.lower() not in cells.lower(), what
        assert identifier.encode() not in bytes_of_files, what
        assert identifier not in heard, what


def test_the_key_decides_the_pseudonyms(read: Read, tmp_path) -> None:
    other = Identity(KeyRing(bytes(32)), tmp_path / "other")
    first, second = read([patient()]), read([patient()], other)
    assert first.rows("ehr_patient")[0]["patient_id"] != second.rows("ehr_patient")[0]["patient_id"]

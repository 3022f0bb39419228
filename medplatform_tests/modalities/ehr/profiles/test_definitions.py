"""Reading definitions: files and packages, versions, bases, snapshots, what is refused."""

import io
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import pytest

from medplatform.modalities.ehr.profiles import ProfileError, ProfileSet, package

from .conftest import BASE, CORE, Make, element, found, profile

NAMED = profile("named", element("Patient.name", min=1))
PATIENT = {"resourceType": "Patient", "id": "a"}


def claiming(*canonicals: str) -> dict[str, Any]:
    return {**PATIENT, "meta": {"profile": list(canonicals)}}


def test_a_file_a_folder_and_a_bundle(tmp_path: Path) -> None:
    deep = tmp_path / "in" / "package"
    deep.mkdir(parents=True)
    (deep / "named.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(NAMED).encode())
    (deep / "package.json").write_text('{"name": "x"}')
    (deep / ".index.json").write_text("[]")
    bundle = tmp_path / "bundle.json"
    bundle.write_text(json.dumps({"resourceType": "Bundle", "entry": [{"resource": NAMED}, {}]}))
    for path in (tmp_path / "in", deep / "named.json", bundle):
        assert ProfileSet.read([path]).profiles() == [BASE + "named"]


def test_an_npm_package(tmp_path: Path) -> None:
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (("package/named.json", json.dumps(NAMED)), ("package/a.txt", "{")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    assert ProfileSet.read([path]).profiles() == [BASE + "named"]


REFUSED: dict[str, tuple[str, str]] = {
    "{": ("p.json", "not valid JSON"),
    json.dumps({**NAMED, "url": ""}): ("p.json", "has no url"),
    json.dumps({**NAMED, "type": None}): ("p.json", "has no type"),
    json.dumps({**NAMED, "differential": {}}): ("p.json", "neither snapshot nor differential"),
    json.dumps({**NAMED, "differential": {"element": [{"id": "x"}]}}): ("p.json", "has no path"),
    json.dumps(profile("x", element("Patient.name", type="HumanName"))): (
        BASE + "x",
        "definition of Patient.name is not valid",
    ),
    json.dumps(profile("x", element("Patient.name", binding={"valueSet": "y"}))): (
        BASE + "x",
        "definition of Patient.name is not valid",
    ),
    json.dumps(profile("x", element("Patient.name"), baseDefinition=BASE + "x")): (
        BASE + "x",
        "its own base",
    ),
    '{"resourceType": "Patient"}': ("p.json", "no StructureDefinition"),
}


@pytest.mark.parametrize("content", REFUSED)
def test_what_cannot_be_used_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(content)
    named, why = REFUSED[content]
    with pytest.raises(ProfileError) as error:
        ProfileSet.read([path])
    assert named in str(error.value)
    assert why in str(error.value)


def test_absent_and_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="no such file"):
        ProfileSet.read([tmp_path / "none"])
    damaged = tmp_path / "x.tgz"
    damaged.write_bytes(b"no archive")
    with pytest.raises(ProfileError, match=r"not a readable \.tgz"):
        ProfileSet.read([damaged])


def test_a_file_beyond_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "MAX_FILE_BYTES", 100)
    path = tmp_path / "named.json"
    path.write_text(json.dumps(NAMED))
    with pytest.raises(ProfileError, match=r"named\.json: larger than"):
        ProfileSet.read([path])


def test_the_same_definition_may_be_read_twice_but_not_two_of_one_name(make: Make) -> None:
    assert make(NAMED, NAMED).profiles() == [BASE + "named"]
    with pytest.raises(ProfileError, match="same version and other content"):
        make(NAMED, profile("named", element("Patient.name", min=2)))


def test_claims_by_version(make: Make) -> None:
    versions = {"1.9.0": "name", "1.10.0": "gender", "1.10.0-ballot": "photo"}
    profiles = make(
        *(
            profile("v", element(f"Patient.{name}", min=1), version=version)
            for version, name in versions.items()
        )
    )
    for version, name in versions.items():
        issues = profiles.check(claiming(f"{BASE}v|{version}"), "Patient")
        assert found(issues) == [("profile.min", f"Patient.{name}")]
    # Without a version the latest release counts.
    assert found(profiles.check(claiming(BASE + "v"), "Patient")) == [
        ("profile.min", "Patient.gender")
    ]
    assert found(profiles.check(claiming(BASE + "v|2.0.0"), "Patient")) == [
        ("profile.unknown", "Patient.meta.profile[0]")
    ]


def test_claims_that_cannot_be_followed(make: Make) -> None:
    profiles = make(NAMED)
    issues = profiles.check(claiming("https://secret.example/Doe", BASE + "named"), "Patient")
    assert found(issues) == [
        ("profile.unknown", "Patient.meta.profile[0]"),
        ("profile.min", "Patient.name"),
    ]
    assert issues[0].severity == "information"
    assert "secret" not in f"{issues} {[issue.reason for issue in issues]}"
    group = {"resourceType": "Group", "meta": {"profile": [BASE + "named"]}}
    assert found(profiles.check(group, "Group")) == [
        ("profile.resource_type", "Group.meta.profile[0]")
    ]


def test_contained_resources_follow_their_own_claims(make: Make) -> None:
    profiles = make(NAMED, assigned={"Patient": [BASE + "named"]})
    outer = {"resourceType": "Observation", "contained": [PATIENT, claiming(BASE + "named")]}
    assert found(profiles.check(outer, "Observation")) == [
        ("profile.min", "Observation.contained[1].name")
    ]


def test_a_profile_that_is_claimed_and_assigned_is_checked_once(make: Make) -> None:
    profiles = make(NAMED, assigned={"Patient": [BASE + "named"]})
    assert found(profiles.check(claiming(BASE + "named"), "Patient")) == [
        ("profile.min", "Patient.name")
    ]


def test_assignments_must_be_possible(make: Make) -> None:
    with pytest.raises(ProfileError, match="not among the definitions"):
        make(NAMED, assigned={"Patient": [BASE + "other"]})
    with pytest.raises(ProfileError, match="but on Patient"):
        make(NAMED, assigned={"Group": [BASE + "named"]})


def test_a_differential_is_laid_over_its_base(make: Make) -> None:
    lower = profile(
        "lower",
        element("Patient.name", min=1, max="3"),
        element("Patient.gender", min=1),
        element("Patient.name.family", mustSupport=True),
    )
    upper = profile("upper", element("Patient.name", max="1"), baseDefinition=lower["url"])
    profiles = make(upper, lower)
    names = [{"family": "x"}] * 2
    issues = profiles.check({**claiming(BASE + "upper"), "name": names}, "Patient")
    assert found(issues) == [
        ("profile.max", "Patient.name[1]"),
        ("profile.min", "Patient.gender"),
    ]
    assert {issue.profile for issue in issues} == {BASE + "upper"}


def test_a_base_that_was_not_read_is_a_gap(make: Make) -> None:
    (gap,) = make(profile("p", element("Patient.name"), baseDefinition=BASE + "lost")).gaps()
    assert (gap.rule, gap.subject) == ("base", BASE + "lost")


def test_a_snapshot_counts_instead_of_the_differential(make: Make) -> None:
    snapshot = {
        "element": [
            element("Patient"),
            element("Patient.name", min=0, max="*", type=[{"code": "HumanName"}]),
            element(
                "Patient.gender",
                min=1,
                max="1",
                constraint=[
                    {"key": "ele-1", "severity": "error", "source": CORE + "Element"},
                    {
                        "key": "own-1",
                        "severity": "error",
                        "expression": "$this = 'other'",
                        "source": BASE + "p",
                    },
                ],
            ),
        ]
    }
    profiles = make(profile("p", element("Patient.photo", min=1), snapshot=snapshot))
    assert found(profiles.check(claiming(BASE + "p"), "Patient")) == [
        ("profile.min", "Patient.gender")
    ]
    resource = {**claiming(BASE + "p"), "gender": "male"}
    assert [issue.rule for issue in profiles.check(resource, "Patient")] == ["own-1"]
    # That the constraints of base types are left out is said.
    assert [(gap.rule, gap.element) for gap in profiles.gaps()] == [("constraint", "Patient")]


def test_content_defined_elsewhere(make: Make) -> None:
    snapshot = {
        "element": [
            element("Questionnaire"),
            element("Questionnaire.item", min=0, max="*"),
            element("Questionnaire.item.prefix", min=1, max="1"),
            element(
                "Questionnaire.item.item", min=0, max="*", contentReference="#Questionnaire.item"
            ),
        ]
    }
    profiles = make(
        profile("q", element("Questionnaire"), snapshot=snapshot),
        assigned={"Questionnaire": [BASE + "q"]},
    )
    inner = {"linkId": "b", "type": "group", "prefix": "1.1", "item": [{"type": "group"}]}
    deep = {"linkId": "a", "type": "group", "prefix": "1", "item": [inner]}
    resource = {"resourceType": "Questionnaire", "status": "draft", "item": [deep]}
    assert found(profiles.check(resource, "Questionnaire")) == [
        ("profile.min", "Questionnaire.item[0].item[0].item[0].prefix"),
        ("profile.min", "Questionnaire.item[0].item[0].item[0].linkId"),
    ]


def test_definitions_without_ids(make: Make) -> None:
    slicing = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
    definition = profile(
        "p",
        element("Patient.identifier", slicing=slicing),
        element("Patient.identifier:mrn", min=1, max="1"),
        element("Patient.identifier:mrn.system", fixedUri="m"),
        element("Patient.identifier:ssn", max="0"),
        element("Patient.identifier:ssn.system", fixedUri="s"),
        element("Patient.name", min=1),
    )
    for part in definition["differential"]["element"]:
        del part["id"]
    profiles = make(definition)
    resource = {**claiming(BASE + "p"), "identifier": [{"system": "s"}]}
    assert found(profiles.check(resource, "Patient")) == [
        ("profile.slice", "Patient.identifier"),
        ("profile.slice_max", "Patient.identifier[0]"),
        ("profile.min", "Patient.name"),
    ]


def test_what_is_not_checked_is_listed(make: Make) -> None:
    definition = profile(
        "p",
        element("Patient.name", type=[{"code": "HumanName", "profile": [BASE + "no"]}]),
        element("Patient.birthDate", minValueDate="1900-01-01"),
        element("Patient.gender", binding={"strength": "required"}),
    )
    assert [(gap.element, gap.rule) for gap in make(definition).gaps()] == [
        ("Patient.birthDate", "minValueDate"),
        ("Patient.gender", "binding"),
        ("Patient.name", "type"),
    ]


def test_r5_definitions_use_the_base_of_r5(make: Make) -> None:
    r5 = profile("p", element("Encounter.actualPeriod.start", min=1), fhirVersion="5.0.0")
    profiles = make(r5, assigned={"Encounter": [BASE + "p"]})
    resource = {"resourceType": "Encounter", "status": "completed", "actualPeriod": {}}
    assert profiles.gaps() == []
    assert found(profiles.check(resource, "Encounter")) == [
        ("profile.min", "Encounter.actualPeriod.start")
    ]


def test_a_profile_set_goes_to_another_process(make: Make) -> None:
    profiles = pickle.loads(pickle.dumps(make(NAMED, assigned={"Patient": [BASE + "named"]})))
    assert found(profiles.check(PATIENT, "Patient")) == [("profile.min", "Patient.name")]

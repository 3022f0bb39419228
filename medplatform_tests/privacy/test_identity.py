"""One patient has one pseudonym and one date shift everywhere; nothing is guessed."""

from base64 import b32encode
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medplatform.privacy import Identity, KeyRing, Subject, UnresolvedSubject, WrongKey, WrongSystem
from medplatform.privacy.identity import _UIDS_KEPT

KEYS = KeyRing(b"m" * 32)


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity(
        KEYS, tmp_path, default_system="urn:mrn", issuer_systems={"HOSPITAL": "urn:mrn"}
    )


def test_fhir_dicom_and_crosswalk_agree(identity: Identity) -> None:
    subject = identity.subject("urn:mrn", "4711")
    assert identity.subject(None, " 4711 ") == subject
    assert identity.subject_of_issuer("HOSPITAL", "4711") == subject
    assert identity.subject_of_issuer("", "4711") == subject


def test_the_same_value_of_another_system_is_another_patient(identity: Identity) -> None:
    assert identity.subject("urn:other", "4711") != identity.subject("urn:mrn", "4711")


@pytest.mark.parametrize("value", [None, "", "   "])
def test_an_empty_id_is_not_a_patient(identity: Identity, value: str | None) -> None:
    with pytest.raises(UnresolvedSubject) as caught:
        identity.subject(None, value)
    assert caught.value.code == "subject.missing"


def test_an_unknown_issuer_is_not_guessed_and_not_shown(identity: Identity) -> None:
    with pytest.raises(UnresolvedSubject) as caught:
        identity.subject_of_issuer("ELSEWHERE", "4711")
    assert caught.value.code == "subject.unknown_issuer"
    assert "ELSEWHERE" not in str(caught.value)


def test_links_outlive_the_run(identity: Identity, tmp_path: Path) -> None:
    subject = identity.subject(None, "4711")
    identity.link("fhir:Patient", "p1", subject)
    identity.save()
    assert Identity(KEYS, tmp_path).linked("fhir:Patient", "p1") == subject
    assert Identity(KEYS, tmp_path).linked("fhir:Patient", "p2") is None


def test_a_local_id_cannot_change_its_patient(identity: Identity) -> None:
    identity.link("fhir:Patient", "p1", identity.subject(None, "1"))
    with pytest.raises(UnresolvedSubject) as caught:
        identity.link("fhir:Patient", "p1", identity.subject(None, "2"))
    assert caught.value.code == "subject.conflict"


def test_another_master_key_is_refused_before_it_makes_other_pseudonyms(
    identity: Identity, tmp_path: Path
) -> None:
    with pytest.raises(WrongKey, match="Restore the right key"):
        Identity(KeyRing(b"n" * 32), tmp_path)
    assert Identity(KEYS, tmp_path).subject(None, "1")


def test_the_vault_keeps_the_identifier_system_that_it_began_with(
    identity: Identity, tmp_path: Path
) -> None:
    assert Identity(KEYS, tmp_path).subject(None, "4711") == identity.subject(None, "4711")
    with pytest.raises(WrongSystem, match="MEDPLATFORM_PATIENT_IDENTIFIER_SYSTEM"):
        Identity(KEYS, tmp_path, default_system="urn:other")


def test_a_mistyped_system_may_be_corrected_before_it_names_a_patient(tmp_path: Path) -> None:
    mistyped = Identity(KEYS, tmp_path, default_system="urn:mnr")
    assert mistyped.local_system == mistyped.default_system == "urn:mnr"
    right = Identity(KEYS, tmp_path, default_system="urn:mrn")
    assert right.subject("urn:other", "4711") == Identity(KEYS, tmp_path).subject(
        "urn:other", "4711"
    )
    assert Identity(KEYS, tmp_path).default_system == "urn:mrn"
    with pytest.raises(WrongSystem):
        Identity(KEYS, tmp_path, default_system="urn:mnr")
    with pytest.raises(WrongSystem):
        mistyped.subject(None, "4711")


def test_without_a_declaration_the_first_record_numbers_are_the_local_ones(tmp_path: Path) -> None:
    identity = Identity(KEYS, tmp_path)
    from_dicom = identity.subject(None, "4711")
    identity.adopt_system("urn:mrn")
    identity.adopt_system("urn:second-hospital")
    assert identity.subject("urn:mrn", "4711") == from_dicom
    assert identity.subject("urn:second-hospital", "4711") != from_dicom
    later = Identity(KEYS, tmp_path)
    assert later.subject("urn:mrn", "4711") == from_dicom
    assert later.default_system is None
    assert Identity(KEYS, tmp_path, default_system="urn:mrn").subject(None, "4711") == from_dicom
    with pytest.raises(WrongSystem):
        Identity(KEYS, tmp_path, default_system="urn:second-hospital")


def test_many_subjects_made_at_once_are_those_made_one_by_one(
    identity: Identity, tmp_path: Path
) -> None:
    identifiers = [("urn:mrn", "1"), (None, "1 "), ("urn:other", "1"), ("urn:other", "Ä")]
    identity.prepare(identifiers)
    for system, value in identifiers:
        alone = Identity(KEYS, tmp_path).subject(system, value)
        assert identity.subject(system, value) == alone
        digest = KEYS.mac("patient", "" if system in (None, "urn:mrn") else system, value.strip())
        assert alone.patient_id == "k1_" + b32encode(digest[:16]).decode().rstrip("=").lower()
        number = int.from_bytes(KEYS.mac("date-shift", alone.patient_id)[:8]) % 730 - 365
        assert alone.shift_days == number + (number >= 0)


def test_the_identity_map_is_private(identity: Identity, tmp_path: Path) -> None:
    assert (tmp_path / "identity.sqlite").stat().st_mode & 0o077 == 0


@given(st.text(min_size=1).filter(str.strip))
def test_every_date_is_moved_by_1_to_365_days(value: str) -> None:
    digest = KEYS.mac("patient", "s", value)
    (subject,) = Identity._from_pseudonyms(_Pseudonymiser(), [digest.hex()])
    assert 1 <= abs(subject.shift_days) <= 365


class _Pseudonymiser(Identity):
    def __init__(self) -> None:
        self.keys = KEYS


def test_intervals_within_a_patient_are_kept() -> None:
    subject = Subject("k1_x", -40)
    admitted, discharged = date(2024, 2, 27), date(2024, 3, 2)
    assert subject.shift(discharged) - subject.shift(admitted) == discharged - admitted
    assert subject.shift(datetime(2024, 3, 2, 8, tzinfo=UTC)).hour == 8


def test_uids_are_valid_dicom_uids_and_consistent(identity: Identity) -> None:
    uid = identity.uid("1.2.840.1")
    assert uid == identity.uid("1.2.840.1 ")
    assert uid.startswith("2.25.")
    assert len(uid) <= 64
    assert uid != identity.uid("1.2.840.2")


def test_few_uids_are_remembered_and_none_is_another_keys(tmp_path: Path) -> None:
    ours, theirs = (Identity(KeyRing(key * 32), tmp_path / key.hex()) for key in (b"a", b"b"))
    uids = [f"1.2.{number}" for number in range(_UIDS_KEPT + 10)]
    first = [ours.uid(uid) for uid in uids]
    assert len(ours._last_uids) <= _UIDS_KEPT
    assert [ours.uid(uid) for uid in uids] == first
    assert not {theirs.uid(uid) for uid in uids[:10]} & set(first)
    ours.uid("1." * 1000)
    assert max(map(len, ours._last_uids)) <= 64


def test_pseudonyms_do_not_contain_what_they_replace(identity: Identity) -> None:
    assert "4711" not in identity.subject(None, "4711").patient_id
    assert identity.token("Encounter", "e1").startswith("k1_")

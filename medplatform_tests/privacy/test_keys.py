"""Keys are separate per purpose, kept at mode 0600, and never overwritten."""

import hmac
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from medplatform.privacy import KeyMissing, KeyRing

KEYS = KeyRing(b"m" * 32)


def test_a_created_key_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "vault" / "master.key"
    KeyRing.create(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    KeyRing.create(path)
    before = path.read_bytes()
    with pytest.raises(KeyMissing, match="not overwritten"):
        KeyRing.create(path)
    assert path.read_bytes() == before


def test_a_missing_key_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match="medplatform key create"):
        KeyRing.load(tmp_path / "master.key")


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    KeyRing.create(path)
    path.chmod(0o640)
    with pytest.raises(KeyMissing, match="chmod 600"):
        KeyRing.load(path)


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ab" * 31])
def test_a_damaged_key_is_refused_without_being_shown(tmp_path: Path, content: str) -> None:
    path = tmp_path / "master.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyMissing) as caught:
        KeyRing.load(path)
    assert not content or content not in str(caught.value).replace(str(path), "")


def test_purposes_and_versions_have_keys_of_their_own() -> None:
    values = {
        KEYS.mac("patient", "x"),
        KEYS.mac("date-shift", "x"),
        KeyRing(b"m" * 32, version=2).mac("patient", "x"),
        KeyRing(b"n" * 32).mac("patient", "x"),
    }
    assert len(values) == 4


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_different_parts_never_collide(one: list[str], other: list[str]) -> None:
    assert (KEYS.mac("p", *one) == KEYS.mac("p", *other)) == (one == other)


def test_a_keyed_hash_is_hmac_sha_256_under_the_key_of_its_purpose() -> None:
    info = b"medplatform/v1/token"
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(b"m" * 32)
    message = b"\0\0\0\x01a\0\0\0\x02bc"
    assert KEYS.mac("token", "a", "bc") == hmac.digest(key, message, "sha256")

"""A vault has one key: it is found, restored, or begun with, never replaced."""

from pathlib import Path

import pytest

from medplatform.privacy import (
    Identity,
    KeyMissing,
    KeyRing,
    VaultError,
    WrongKey,
    create_key,
    load_key,
)


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    return tmp_path / "vault"


def test_the_first_key_is_made_and_loaded(vault: Path) -> None:
    made = create_key(vault / "master.key", vault)
    Identity(made, vault)
    assert load_key(vault / "master.key", vault).mac("p") == made.mac("p")


def test_without_a_vault_a_missing_key_is_to_be_made(vault: Path) -> None:
    with pytest.raises(KeyMissing, match="medplatform key create"):
        load_key(vault / "master.key", vault)


def test_with_a_vault_a_missing_key_is_to_be_restored(vault: Path) -> None:
    path = vault / "master.key"
    Identity(create_key(path, vault), vault)
    path.unlink()
    for attempt in (load_key, create_key):
        with pytest.raises(KeyMissing, match="Restore your copy"):
            attempt(path, vault)
    assert not path.exists()


def test_a_key_of_another_vault_is_refused(vault: Path) -> None:
    path = vault / "master.key"
    Identity(create_key(path, vault), vault)
    path.unlink()
    KeyRing.create(path)
    with pytest.raises(WrongKey, match="Restore the right key"):
        load_key(path, vault)


def test_an_unreadable_vault_is_an_error_that_names_it(vault: Path) -> None:
    create_key(vault / "master.key", vault)
    (vault / "identity.sqlite").write_bytes(b"no database, but long enough to be looked at" * 20)
    with pytest.raises(VaultError, match=r"identity\.sqlite"):
        load_key(vault / "master.key", vault)


def test_looking_for_the_key_does_not_begin_a_vault(vault: Path) -> None:
    with pytest.raises(KeyMissing):
        load_key(vault / "master.key", vault)
    assert not vault.exists()

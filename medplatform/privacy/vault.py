"""The master key of one vault: found or made, and never another than the vault was begun with."""

import sqlite3
from contextlib import closing
from pathlib import Path

from medplatform.privacy.identity import IDENTITY_MAP, VaultError, WrongKey
from medplatform.privacy.keys import KeyMissing, KeyRing


def load_key(path: Path, vault: Path) -> KeyRing:
    """The key ring of a vault.

    Raises
    ------
    KeyMissing
        There is no usable key at `path`; the remedy depends on whether the vault was begun.
    WrongKey
        The vault was begun with another key.
    VaultError
        The vault cannot be read.
    """
    begun_with = _begun_with(vault)
    if begun_with and not path.exists():
        raise KeyMissing(_missing(path, vault))
    keys = KeyRing.load(path)
    if begun_with and begun_with != keys.fingerprint:
        raise WrongKey.of(vault)
    return keys


def create_key(path: Path, vault: Path, master: bytes | None = None) -> KeyRing:
    """Make the master key of a vault that has none yet: a random one unless given.

    Raises
    ------
    KeyMissing
        There is a key at `path`, or the vault was begun with one: a second would fit nothing.
    VaultError
        The vault cannot be read.
    """
    if _begun_with(vault) and not path.exists():
        raise KeyMissing(_missing(path, vault))
    return KeyRing.create(path, master)


def _begun_with(vault: Path) -> str | None:
    """Fingerprint of the key that a vault was begun with; None where it was not begun."""
    path = vault / IDENTITY_MAP
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60)) as database:
            query = "select name from sqlite_master where name = 'fact'"
            if database.execute(query).fetchone() is None:
                return None
            row = database.execute("select value from fact where name = 'key'").fetchone()
    except sqlite3.DatabaseError as error:
        raise VaultError(
            f"The identity map {path} cannot be read ({error}). Check its permissions, or restore "
            f"{vault} from your copy."
        ) from error
    return row[0] if row else None


def _missing(path: Path, vault: Path) -> str:
    return (
        f"There is no master key at {path}, but the pseudonyms of {vault} were made with one. "
        f"Restore your copy of it; a new key would make another patient of everybody. Without a "
        f"copy, begin a data folder anew (MEDPLATFORM_DATA) and deliver everything again."
    )

"""Who a record is about: from identifiers as delivered to a pseudonym and a date shift.

A subject is named by (identifier system, value). The same pair gives the same pseudonym in every
modality and run under one master key. Nothing is guessed: what cannot be resolved raises
`UnresolvedSubject`, and the reader quarantines the record.

Links from local ids (a FHIR Patient id) to subjects are kept in `identity.sqlite` in the vault,
so that an Observation delivered after its Patient finds its subject.
"""

import base64
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np

from medplatform.privacy.keys import KeyRing

IDENTITY_MAP = "identity.sqlite"
MAX_SHIFT_DAYS = 365
_KINDS_KEPT = 8
"""Of which the last tokens are remembered, about 1 MB each."""
_UIDS_KEPT = 1 << 12
_LONGEST_UID = 64
"""Of DICOM (PS3.5 9.1), but not of all files."""
_BASE32 = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
DateLike = TypeVar("DateLike", date, datetime)


class VaultError(RuntimeError):
    """The identity map cannot be read or written; the message names the remedy."""


class WrongKey(RuntimeError):
    """The master key is not the one that this installation began with."""

    @classmethod
    def of(cls, vault: Path) -> "WrongKey":
        """The key does not fit a vault."""
        return cls(
            f"The master key is not the one that the pseudonyms of {vault} were made with: "
            f"every patient would become another one. Restore the right key."
        )


class WrongSystem(RuntimeError):
    """The default identifier system is not the one that this installation began with."""

    @classmethod
    def of(cls, vault: Path) -> "WrongSystem":
        """Another system is declared than a vault began with."""
        return cls(
            f"The identifier system is not the one that {vault} began with: patients of DICOM "
            f"and VCF would become others. Set MEDPLATFORM_PATIENT_IDENTIFIER_SYSTEM back or "
            f"unset it; data of another system, such as your own beside the demo's, need a "
            f"folder of their own: MEDPLATFORM_DATA."
        )


class UnresolvedSubject(LookupError):
    """The subject of a record is not known. `code` and the message go to the quarantine."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient as the lake knows them: pseudonym, and the days all their dates are moved by."""

    patient_id: str
    shift_days: int

    def shift(self, moment: DateLike) -> DateLike:
        """Move a date or datetime by this subject's shift; intervals within a patient are kept."""
        return moment + timedelta(days=self.shift_days)


class Identity:
    """Resolves subjects and pseudonymises ids with one key ring and one vault.

    Parameters
    ----------
    keys
        The key ring of the installation.
    vault
        Folder of the identity map; created with mode 0700.
    default_system
        Identifier system of local ids that name none (`Settings.patient_identifier_system`). The
        vault remembers the one of the first patient, because a change would make others of them.
    issuer_systems
        DICOM issuer of patient id -> identifier system.

    Raises
    ------
    WrongKey, WrongSystem
        The vault was begun with another master key or identifier system.
    """

    def __init__(
        self,
        keys: KeyRing,
        vault: Path,
        *,
        default_system: str | None = None,
        issuer_systems: Mapping[str, str] | None = None,
    ) -> None:
        self.keys = keys
        self.vault = vault
        self.issuer_systems = dict(issuer_systems or {})
        self._subjects: dict[tuple[str, str], Subject] = {}
        self._links: dict[tuple[str, str], Subject] = {}
        self._preloaded: set[str] = set()
        self._last_tokens: dict[str, tuple[Sequence[bytes], np.ndarray]] = {}
        self._last_uids: dict[str, str] = {}
        """Of a study or series, say, whose files all name it."""
        vault.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._map = vault / IDENTITY_MAP
        with self._database() as database:
            database.execute(
                "create table if not exists link (namespace text, local_id text, patient_id text, "
                "primary key (namespace, local_id)) without rowid"
            )
            database.execute(
                "create table if not exists source (source_id text primary key, path text) "
                "without rowid"
            )
            database.execute(
                "create table if not exists fact (name text primary key, value text) without rowid"
            )
        self._map.chmod(0o600)
        if self._remember("key", keys.fingerprint) != keys.fingerprint:
            raise WrongKey.of(vault)
        self._local_system = self._remember("system", None) or default_system
        if default_system and default_system != self._local_system:
            raise WrongSystem.of(vault)
        is_declared = default_system or self._remember("system_is_declared", None)
        self.default_system = self._local_system if is_declared else None
        self._is_system_kept = False

    def _remember(self, name: str, value: str | None) -> str | None:
        """What the vault holds under a name; it is written once, by the first who has a value."""
        with self._database() as database:
            if value is not None:
                database.execute("insert or ignore into fact values (?, ?)", (name, value))
            row = database.execute("select value from fact where name = ?", (name,)).fetchone()
        return row[0] if row else None

    @property
    def local_system(self) -> str | None:
        """Identifier system of ids that name none: declared, or adopted from a record number."""
        return self._local_system

    def subject(self, system: str | None, value: str | None) -> Subject:
        """The subject named by an identifier. `system` None means the local one, whatever its name.

        Raises
        ------
        UnresolvedSubject
            The value is empty.
        """
        value = (value or "").strip()
        if not value:
            raise UnresolvedSubject(
                "subject.missing", "The record names no patient. Deliver it with a patient id."
            )
        key = self._key(system, value)
        if key not in self._subjects:
            self._subjects.update(self._make_subjects(key[0], [value]))
        return self._subjects[key]

    def prepare(self, identifiers: Iterable[tuple[str | None, str]]) -> None:
        """Make the subjects of many identifiers at once, faster than `subject` makes each."""
        new: dict[str, list[str]] = {}
        for key in dict.fromkeys(self._key(system, value.strip()) for system, value in identifiers):
            if key[1] and key not in self._subjects:
                new.setdefault(key[0], []).append(key[1])
        for system, values in new.items():
            self._subjects.update(self._make_subjects(system, values))

    def _key(self, system: str | None, value: str) -> tuple[str, str]:
        is_local = not system or system == self._local_system
        return "" if is_local or system is None else system, value

    def _make_subjects(
        self, system: str, values: Sequence[str]
    ) -> Iterator[tuple[tuple[str, str], Subject]]:
        self._keep_system()
        encoded = [value.encode() for value in values]
        pseudonyms = self._pseudonyms("patient", system, encoded).astype(str).tolist()
        for value, subject in zip(values, self._from_pseudonyms(pseudonyms), strict=True):
            yield (system, value), subject

    def _keep_system(self) -> None:
        """Write the declared system down with the first patient, not before.

        One that was mistyped so that no Patient has it may be corrected.
        """
        if self.default_system is None or self._is_system_kept:
            return
        if self._remember("system", self.default_system) != self.default_system:
            raise WrongSystem.of(self.vault)
        self._remember("system_is_declared", "yes")
        self._is_system_kept = True

    def adopt_system(self, system: str) -> None:
        """Take the system of a record number for the local one, where none was declared or adopted.

        DICOM ids without an issuer and crosswalk ids without a system are numbers of that system.
        """
        if self._local_system is None:
            self._local_system = self._remember("system", system)

    def subject_of_issuer(self, issuer: str | None, value: str | None) -> Subject:
        """The subject of a DICOM Patient ID (0010,0020) with its issuer (0010,0021).

        Raises
        ------
        UnresolvedSubject
            The id is empty, or the issuer is not listed in `issuer_systems`.
        """
        issuer = (issuer or "").strip()
        if not issuer:
            return self.subject(None, value)
        if issuer not in self.issuer_systems:
            raise UnresolvedSubject(
                "subject.unknown_issuer",
                "The issuer of the patient id is not known here. "
                "Add it to MEDPLATFORM_ISSUER_SYSTEMS and ingest the delivery again.",
            )
        return self.subject(self.issuer_systems[issuer], value)

    def link(self, namespace: str, local_id: str, subject: Subject) -> None:
        """Remember that a local id (a FHIR Patient id, say) names a subject. Kept by `save`.

        Raises
        ------
        UnresolvedSubject
            The same local id named another subject before.
        """
        known = self.linked(namespace, local_id)
        if known and known != subject:
            raise UnresolvedSubject(
                "subject.conflict",
                "This id named another patient in an earlier record. Check the source system: "
                "ids must not be used again.",
            )
        self._links[namespace, local_id] = subject

    def linked(self, namespace: str, local_id: str) -> Subject | None:
        """The subject that a local id names, from this run or an earlier one."""
        key = (namespace, local_id)
        if key not in self._links:
            if namespace in self._preloaded:
                return None
            with self._database() as database:
                row = database.execute(
                    "select patient_id from link where namespace = ? and local_id = ?", key
                ).fetchone()
            if row is None:
                return None
            (self._links[key],) = self._from_pseudonyms(row)
        return self._links[key]

    def linked_patients(self, namespace: str) -> dict[str, str]:
        """A local id of each pseudonym that those of a namespace name, as far as in memory."""
        links = self._links.items()
        return {s.patient_id: local_id for (space, local_id), s in links if space == namespace}

    def preload(self, namespace: str) -> None:
        """Read all links of a namespace into memory: one query instead of one per record.

        What other processes link from now on is not seen until this is called again.
        """
        query = "select local_id, patient_id from link where namespace = ?"
        with self._database() as database:
            known = database.execute(query, (namespace,)).fetchall()
        local_ids, patient_ids = zip(*known, strict=True) if known else ((), ())
        for local_id, subject in zip(local_ids, self._from_pseudonyms(patient_ids), strict=True):
            self._links.setdefault((namespace, local_id), subject)
        self._preloaded.add(namespace)

    def save(self) -> None:
        """Write the links of this run to the vault. Idempotent, safe beside other processes."""
        rows = [(*key, subject.patient_id) for key, subject in self._links.items()]
        with self._database() as database:
            database.executemany("insert or ignore into link values (?, ?, ?)", rows)

    def remember_sources(self, paths: Mapping[str, str]) -> None:
        """Keep the path of each source id in the vault: the lake holds none."""
        rows = [(source_id, os.fsencode(path)) for source_id, path in paths.items()]
        with self._database() as database:
            database.executemany("insert or replace into source values (?, ?)", rows)

    def source_path(self, source_id: str) -> str | None:
        """Path of a delivered file, for those who may read the vault."""
        with self._database() as database:
            row = database.execute(
                "select path from source where source_id = ?", (source_id,)
            ).fetchone()
        return os.fsdecode(row[0]) if row else None

    def token(self, kind: str, value: str) -> str:
        """Pseudonym of an id that is no patient: an encounter, a resource, an accession, a sample.

        Equal (kind, value) give equal tokens over files, runs and modalities.
        """
        return self._pseudonym("token", kind, value)

    def tokens(self, kind: str, values: Sequence[bytes]) -> np.ndarray:
        """`token(kind, value)` of many values in UTF-8, as ASCII (dtype S, one per value).

        The last answers are kept: the ids of a batch are asked for as keys and as content.
        """
        values_before, tokens = self._last_tokens.pop(kind, (None, np.empty(0)))
        if values_before != values:
            tokens = self._pseudonyms("token", kind, values)
        self._last_tokens[kind] = values, tokens
        if len(self._last_tokens) > _KINDS_KEPT:
            del self._last_tokens[next(iter(self._last_tokens))]
        return tokens

    def _pseudonyms(self, purpose: str, kind: str, values: Sequence[bytes]) -> np.ndarray:
        """What `_pseudonym` makes of each value, as ASCII (dtype S)."""
        digests = self.keys.macs(purpose, (kind,), values)
        first_half = np.frombuffer(digests, np.uint8).reshape(-1, 32)[:, :16]
        # Base 32 takes five bits a character; the last character has two zero bits of padding.
        bits = np.zeros((len(first_half), 17), np.uint16)
        bits[:, :16] = first_half
        at = np.arange(26) * 5
        pairs = bits[:, at // 8] << 8 | bits[:, np.minimum(at // 8 + 1, 16)]
        prefix = np.frombuffer(f"k{self.keys.version}_".encode(), np.uint8)
        text = np.empty((len(first_half), len(prefix) + 26), np.uint8)
        text[:, : len(prefix)] = prefix
        text[:, len(prefix) :] = _BASE32[pairs >> (11 - at % 8).astype(np.uint16) & 31]
        return text.view(f"S{text.shape[1]}").reshape(-1)

    def uid(self, value: str) -> str:
        """A DICOM UID under 2.25 (PS3.5 B.2) in place of a UID; equal in, equal out."""
        value = value.strip()
        uid = self._last_uids.get(value)
        if uid is None:
            uid = f"2.25.{int.from_bytes(self.keys.mac('uid', value)[:16], 'big')}"
            if len(self._last_uids) >= _UIDS_KEPT:
                self._last_uids.clear()
            if len(value) <= _LONGEST_UID:
                self._last_uids[value] = uid
        return uid

    def _pseudonym(self, purpose: str, *parts: str) -> str:
        digest = self.keys.mac(purpose, *parts)[:16]
        text = base64.b32encode(digest).decode().rstrip("=").lower()
        return f"k{self.keys.version}_{text}"

    def _from_pseudonyms(self, patient_ids: Sequence[str]) -> Iterator[Subject]:
        digests = self.keys.macs("date-shift", (), [text.encode() for text in patient_ids])
        numbers = np.frombuffer(digests, ">u8")[::4]
        # 2 * 365 values, zero left out: a date is never delivered unmoved.
        days = (numbers % (2 * MAX_SHIFT_DAYS)).astype(np.int64) - MAX_SHIFT_DAYS
        return map(Subject, patient_ids, np.where(days < 0, days, days + 1).tolist())

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._map, timeout=60)) as database, database:
                yield database
        except sqlite3.OperationalError as error:
            raise VaultError(
                f"The identity map {self._map} cannot be used ({error}). Check free space and "
                f"permissions of {self.vault}, then run this again."
            ) from error

"""Identity is resolved once, before the lake: keys, pseudonyms, date shift, vault, audit.

Every modality asks this package for the pseudonym and the date shift of a patient, so that they
agree in FHIR, DICOM, VCF and text. Originals stay in landing, what links them stays in the vault.
"""

from medplatform.privacy.audit import AuditLog, AuditRecord, BrokenChain
from medplatform.privacy.identity import (
    Identity,
    Subject,
    UnresolvedSubject,
    VaultError,
    WrongKey,
    WrongSystem,
)
from medplatform.privacy.keys import KeyMissing, KeyRing
from medplatform.privacy.labels import source_label
from medplatform.privacy.policy import SAFE_HARBOR, generalise_birth_year, generalise_postal_code
from medplatform.privacy.vault import create_key, load_key

__all__ = [
    "SAFE_HARBOR",
    "AuditLog",
    "AuditRecord",
    "BrokenChain",
    "Identity",
    "KeyMissing",
    "KeyRing",
    "Subject",
    "UnresolvedSubject",
    "VaultError",
    "WrongKey",
    "WrongSystem",
    "create_key",
    "generalise_birth_year",
    "generalise_postal_code",
    "load_key",
    "source_label",
]

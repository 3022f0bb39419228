"""One installation: its settings turned into the objects that the front ends hand to the domain."""

from functools import cached_property
from pathlib import Path

from medplatform.lake import Lake
from medplatform.privacy import AuditLog, Identity, KeyRing
from medplatform.settings import Settings


class Installation:
    """The lake, the identity service and the folders of one set of settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def lake(self) -> Lake:
        """The lake under the data folder."""
        return Lake(self.settings.lake)

    @cached_property
    def identity(self) -> Identity:
        """The identity service; raises `KeyMissing` where there is no master key."""
        return Identity(
            KeyRing.load(self.settings.master_key),
            self.settings.vault,
            default_system=self.settings.patient_identifier_system,
            issuer_systems=self.settings.issuer_systems,
        )

    @property
    def audit(self) -> AuditLog:
        """The log of approvals, promotions and readings of locked test sets."""
        return AuditLog(self.settings.models / "registry.log.jsonl")

    @property
    def scoring_files(self) -> list[Path]:
        """PGS Catalog scoring files under reference/pgs."""
        return sorted((self.settings.reference / "pgs").glob("*.txt*"))

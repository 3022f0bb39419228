"""What the log says of one recipe. The log is the truth; aliases in MLflow only show it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from medplatform.clinical import ModelReference, State
from medplatform.privacy import AuditRecord

REGISTERED = "registered"
TEST_SET_READ = "test_set_read"
JUDGED = "judged"
APPROVED = "approved"
PROMOTED = "promoted"
ROLLED_BACK = "rolled_back"
ALIAS_REPAIRED = "alias_repaired"


@dataclass(slots=True)
class History:
    """All that happened to the versions of one recipe, as of one moment.

    `approved` holds the approvals that stand, `signed` the last one of each version, whether it
    stands or was withdrawn. `reign` holds the champions that can be gone back to, the present one
    last; no champion follows itself.
    """

    recipe: str
    registered: dict[int, AuditRecord] = field(default_factory=dict)
    judged: dict[int, AuditRecord] = field(default_factory=dict)
    approved: dict[int, AuditRecord] = field(default_factory=dict)
    signed: dict[int, AuditRecord] = field(default_factory=dict)
    promoted: dict[int, AuditRecord] = field(default_factory=dict)
    reign: list[ModelReference] = field(default_factory=list)
    challenger: int | None = None
    test_set_reads: int = 0

    @property
    def champion(self) -> ModelReference | None:
        """The version in use."""
        return self.reign[-1] if self.reign else None

    @property
    def previous(self) -> ModelReference | None:
        """The version that a rollback puts back."""
        return self.reign[-2] if len(self.reign) > 1 else None

    @property
    def candidate(self) -> int | None:
        """The version that was registered last."""
        return max(self.registered, default=None)

    @property
    def aliases(self) -> dict[str, int | None]:
        """The version that each alias belongs to."""
        return {
            "candidate": self.candidate,
            "challenger": self.challenger,
            "champion": self.champion.version if self.champion else None,
            "previous": self.previous.version if self.previous else None,
        }

    def aliases_of(self, version: int) -> tuple[str, ...]:
        """The aliases of one version."""
        return tuple(alias for alias, holder in self.aliases.items() if holder == version)

    def approval(self, version: int, verdict_digest: str) -> AuditRecord | None:
        """The standing approval of exactly this verdict."""
        record = self.approved.get(version)
        return record if record and record.detail["verdict"] == verdict_digest else None

    def sign_off(self, version: int) -> AuditRecord | None:
        """The approval to show: of a version that was promoted its last one, else a standing one.

        A champion that is judged again keeps the approval by which it became champion.
        """
        judged = self.judged.get(version)
        if version in self.promoted:
            return self.signed.get(version)
        return self.approval(version, judged.detail["verdict"]) if judged else None

    def is_withdrawn(self, version: int) -> bool:
        """Whether the last approval of a version ended with a rollback."""
        return version in self.signed and version not in self.approved

    def add(self, record: AuditRecord) -> None:
        """Take one record of this recipe into account."""
        if record.action == ALIAS_REPAIRED:
            return
        version = int(record.detail["version"])
        if record.action == REGISTERED:
            self.registered[version] = record
        elif record.action == TEST_SET_READ:
            self.test_set_reads += 1
        elif record.action == JUDGED:
            self._add_judged(version, record)
        elif record.action == APPROVED:
            self.approved[version] = self.signed[version] = record
        elif record.action == PROMOTED:
            self._add_promoted(version, record)
        elif record.action == ROLLED_BACK and record.detail["replaced"] != version:
            # Who rolled a model back has found something: its approval stands no longer.
            self.approved.pop(self.reign.pop().version, None)

    def _add_promoted(self, version: int, record: AuditRecord) -> None:
        self.promoted[version] = record
        if self.champion is None or self.champion.version != version:
            self.reign.append(_reference(self.recipe, record))
        self.challenger = None if self.challenger == version else self.challenger

    def _add_judged(self, version: int, record: AuditRecord) -> None:
        self.judged[version] = record
        champion = self.champion.version if self.champion else None
        if record.detail["state"] == State.PASS and version != champion:
            self.challenger = version
        elif self.challenger == version:
            self.challenger = None


def read_history(recipe: str, records: Iterable[AuditRecord]) -> History:
    """Fold the records of one recipe, in the order of the log."""
    history = History(recipe)
    for record in records:
        if record.detail.get("recipe") == recipe:
            history.add(record)
    return history


def _reference(recipe: str, record: AuditRecord) -> ModelReference:
    return ModelReference(
        name=recipe, version=record.detail["version"], digest=record.detail["model_digest"]
    )

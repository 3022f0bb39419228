"""From candidate to champion: register, judge, approve, promote, roll back.

The hash-chained log under the models folder is the truth; MLflow's aliases and tags show it.
MLflow and torch load on use.
"""

from medplatform.registry.aliases import AliasChange, sync_aliases
from medplatform.registry.errors import (
    AlreadyChampion,
    DatasetMismatch,
    ModelMismatch,
    NotApproved,
    NothingToRollBack,
    NotJudged,
    NotPassed,
    RegistryError,
    SelfApproval,
    StaleChampion,
    StoreUnavailable,
    VerdictMismatch,
    VersionMissing,
)
from medplatform.registry.history import History
from medplatform.registry.judge import Judgement, judge
from medplatform.registry.promotion import Promotion, approve, promote, rollback
from medplatform.registry.registry import Registry
from medplatform.registry.replay import register_replayed
from medplatform.registry.sign_off import describe_sign_off
from medplatform.registry.status import VersionStatus, status
from medplatform.registry.versions import Registered, find_version, register

__all__ = [
    "AliasChange",
    "AlreadyChampion",
    "DatasetMismatch",
    "History",
    "Judgement",
    "ModelMismatch",
    "NotApproved",
    "NotJudged",
    "NotPassed",
    "NothingToRollBack",
    "Promotion",
    "Registered",
    "Registry",
    "RegistryError",
    "SelfApproval",
    "StaleChampion",
    "StoreUnavailable",
    "VerdictMismatch",
    "VersionMissing",
    "VersionStatus",
    "approve",
    "describe_sign_off",
    "find_version",
    "judge",
    "promote",
    "register",
    "register_replayed",
    "rollback",
    "status",
    "sync_aliases",
]

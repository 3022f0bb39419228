"""Why the registry refused. Every message ends with what to do next."""


class RegistryError(RuntimeError):
    """The registry refused; but for `StoreUnavailable`, nothing was changed."""


class StoreUnavailable(RegistryError):
    """MLflow does not answer or refuses. What the log says by then stands, its aliases may lag."""


class VersionMissing(RegistryError):
    """The model version is not in the registry."""


class ModelMismatch(RegistryError):
    """The files of a registered model are not those that were registered."""


class DatasetMismatch(RegistryError):
    """The model was trained on another data set than the one it is to be judged on."""


class NotJudged(RegistryError):
    """There is no verdict for this model version."""


class VerdictMismatch(RegistryError):
    """The verdict is not for exactly this model, data set and these gates, or was tampered with."""


class NotPassed(RegistryError):
    """The verdict is not PASS."""


class SelfApproval(RegistryError):
    """Whoever trained a model cannot approve it."""


class NotApproved(RegistryError):
    """Nobody has approved exactly this verdict."""


class StaleChampion(RegistryError):
    """The champion is another one than expected: somebody was faster, or the verdict is old."""


class AlreadyChampion(RegistryError):
    """The version is the champion already, so there is nothing to approve or to promote."""


class NothingToRollBack(RegistryError):
    """There is no earlier champion."""

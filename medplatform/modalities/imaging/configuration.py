"""How an installation reads images: its policy, its processes, what it shows of them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the settings of an installation say about images.

    Attributes
    ----------
    policy
        File of the de-identification policy; None for the platform's own (PS3.15 Annex E, with
        shifted dates).
    workers
        Processes that read one delivery.
    has_thumbnails
        Whether the UI shows thumbnails of what was delivered.
    """

    policy: Path | None = None
    workers: int = 1
    has_thumbnails: bool = True

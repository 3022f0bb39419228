"""How an installation reads health records: its policy, its profiles, its processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ProfilePolicy = Literal["off", "warn", "reject"]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the settings of an installation say about health records.

    Attributes
    ----------
    policy
        File of the de-identification policy; None for the platform's own (Safe Harbor, with
        shifted dates).
    profiles
        StructureDefinitions, folders of them, or FHIR packages.
    assigned
        Profiles (canonicals) per resource type that apply whether claimed or not.
    profile_policy
        Whether a broken profile is noted, refuses the resource, or is not looked at.
    workers
        Processes that read one delivery; 1 reads in the calling process.
    """

    policy: Path | None = None
    profiles: tuple[Path, ...] = ()
    assigned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    profile_policy: ProfilePolicy = "warn"
    workers: int = 1

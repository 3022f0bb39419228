"""De-identification of DICOM data sets by PS3.15 Annex E, in two steps.

`prepare` runs where files are read, without a key: it removes, empties, replaces and cleans, and
marks what is left to do. `finish` does that where the key is: UIDs, dates and ids. What pixels may
show is decided by `pixel_treatment`, or `undescribed_treatment` of what is no DICOM, and done by
`blank`.
"""

from medplatform.modalities.imaging.deidentify.burned_in import (
    Treatment,
    blank,
    pixel_treatment,
    undescribed_treatment,
)
from medplatform.modalities.imaging.deidentify.finish import finish, pseudonymous_uid
from medplatform.modalities.imaging.deidentify.policy import PLATFORM_POLICY, Policy, PolicyError
from medplatform.modalities.imaging.deidentify.prepare import Prepared, prepare
from medplatform.modalities.imaging.deidentify.rules import rules_of

__all__ = [
    "PLATFORM_POLICY",
    "Policy",
    "PolicyError",
    "Prepared",
    "Treatment",
    "blank",
    "finish",
    "pixel_treatment",
    "prepare",
    "pseudonymous_uid",
    "rules_of",
    "undescribed_treatment",
]

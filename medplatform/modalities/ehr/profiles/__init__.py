"""Profiles (US Core and others) from their StructureDefinitions, compiled to checks of resources.

`ProfileSet.read(paths)` reads a FHIR package; `check` gives the issues of one parsed resource.
What is checked: cardinality, also of slices; fixed and pattern values; types of choices, of
references' targets and of nested resources; profiles of extensions and data types; closed and
ordered slicing; required bindings whose value set the package lists; maxLength; invariants in a
subset of FHIRPath. Must-support elements are counted (`Presence`). What a profile asks but is not
checked is listed by `ProfileSet.gaps`. Whether an issue refuses a record is the caller's policy.
Not part of this layer: extensible bindings, the constraints of base types, the content of what a
reference points to.
"""

from medplatform.modalities.ehr.profiles.issue import Gap, ProfileError, ProfileIssue, Severity
from medplatform.modalities.ehr.profiles.presence import Presence, PresenceRow
from medplatform.modalities.ehr.profiles.profile_set import ProfileSet

__all__ = [
    "Gap",
    "Presence",
    "PresenceRow",
    "ProfileError",
    "ProfileIssue",
    "ProfileSet",
    "Severity",
]

"""What a profile check reports: issues of a record, and gaps of the check itself.

A reason names the rule and the element, never a value of the record. Every canonical URL that is
named here comes from the definitions that were read, not from the record.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "information"]

REASONS: dict[str, str] = {
    "profile.min": "The element has fewer values than the profile asks for. Complete it at the "
    "source.",
    "profile.max": "The element has more values than the profile allows. Correct it at the source.",
    "profile.fixed": "The element has not the one value that the profile fixes. Correct it at the "
    "source.",
    "profile.pattern": "The element lacks what the pattern of the profile asks for. Correct it at "
    "the source.",
    "profile.type": "The value has a type that the profile does not allow here. Correct it at the "
    "source.",
    "profile.target": "The reference points to a type of resource that the profile does not allow "
    "here. Correct it at the source.",
    "profile.binding": "The code is not in the value set that the profile requires. Correct it at "
    "the source.",
    "profile.max_length": "The text is longer than the profile allows. Correct it at the source.",
    "profile.slice": "A slice has fewer values than the profile asks for. Complete it at the "
    "source.",
    "profile.slice_max": "A slice has more values than the profile allows. Correct it at the "
    "source.",
    "profile.closed_slice": "The value fits none of the slices, and the profile allows no other. "
    "Correct it at the source.",
    "profile.slice_order": "The values do not stand in the order that the profile asks for. "
    "Correct it at the source.",
    "profile.invariant": "A constraint of the profile does not hold. Correct the element at the "
    "source.",
    "profile.undecided": "A constraint of the profile could not be evaluated on this record.",
    "profile.resource_type": "The resource claims a profile of another type of resource. Correct "
    "meta.profile at the source.",
    "profile.unknown": "The resource claims a profile, or a version of it, that is not among the "
    "definitions that were read, so the claim was not checked.",
}


@dataclass(frozen=True, slots=True)
class ProfileIssue:
    """One way in which a resource does not follow a profile.

    `element` is the FHIRPath of the element (`Observation.component[1].code`), `profile` the
    canonical URL of the profile and `rule` what in it was broken: the id of an element definition
    (`Observation.component:systolic.code`) or the key of a constraint. Both are empty where the
    profile is not known.
    """

    code: str
    element: str
    profile: str
    rule: str
    severity: Severity = "error"

    @property
    def reason(self) -> str:
        """The sentence that belongs to the code."""
        return REASONS[self.code]


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A rule of a profile that is not checked, and why.

    `element` is the id of the element definition, `rule` the part of it (`binding`, `slicing`,
    `constraint`, ...), `reason` a sentence, `subject` what it is about: a canonical URL, or the key
    of a constraint.
    """

    profile: str
    element: str
    rule: str
    reason: str
    subject: str = ""


class ProfileError(ValueError):
    """The definitions cannot be used; the message names the file or canonical and the remedy."""

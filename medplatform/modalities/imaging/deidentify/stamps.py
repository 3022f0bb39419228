"""What a de-identified data set says about its de-identification (PS3.15 E.1.1, PS3.3 C.7.1.1)."""

from functools import lru_cache
from typing import NamedTuple

from medplatform.modalities.imaging.deidentify.policy import Policy
from medplatform.modalities.imaging.flatten import SharedElement

METHOD = "00120063"
METHOD_CODES = "00120064"
BURNED_IN_ANNOTATION = "00280301"
TEMPORAL_INFORMATION = "00280303"

_BASIC = ("113100", "Basic Application Confidentiality Profile")
_TEMPORAL = {"shift": "MODIFIED", "keep": "UNMODIFIED", "remove": "REMOVED"}


class Stamp(NamedTuple):
    """An attribute that is set, with its items."""

    tag: str
    elements: tuple[SharedElement, ...]


@lru_cache(maxsize=16)
def stamps_of(policy: Policy, is_clean_of_text: bool) -> tuple[Stamp, ...]:
    """The attributes that every data set gets, in order of their tags."""
    stamps = [
        _text("00120062", "CS", "YES"),
        _text(METHOD, "LO", "DICOM PS3.15 Annex E", f"policy {policy.digest[:16]}"),
        _codes(policy),
    ]
    if is_clean_of_text:
        stamps.append(_text(BURNED_IN_ANNOTATION, "CS", "NO"))
    stamps.append(_text(TEMPORAL_INFORMATION, "CS", _TEMPORAL[policy.dates]))
    return tuple(stamps)


def options_of(policy: Policy) -> list[tuple[str, str]]:
    """Codes and meanings of the profile and its options (PS3.16 CID 7050)."""
    options = {
        ("113101", "Clean Pixel Data Option"): policy.clean_pixel_data,
        ("113103", "Clean Graphics Option"): policy.clean_graphics,
        ("113104", "Clean Structured Content Option"): policy.clean_structured_content,
        ("113105", "Clean Descriptors Option"): policy.clean_descriptors,
        (
            "113106",
            "Retain Longitudinal Temporal Information Full Dates Option",
        ): policy.dates == "keep",
        (
            "113107",
            "Retain Longitudinal Temporal Information Modified Dates Option",
        ): policy.dates == "shift",
        (
            "113108",
            "Retain Patient Characteristics Option",
        ): policy.retain_patient_characteristics,
        ("113109", "Retain Device Identity Option"): policy.retain_device_identity,
        ("113110", "Retain UIDs Option"): policy.retain_uids,
        ("113111", "Retain Safe Private Option"): policy.retain_safe_private,
        ("113112", "Retain Institution Identity Option"): policy.retain_institution_identity,
    }
    return [_BASIC, *(option for option, is_applied in options.items() if is_applied)]


def _text(tag: str, vr: str, *values: str) -> Stamp:
    return Stamp(tag, (SharedElement(tag, vr, text=values),))


def _codes(policy: Policy) -> Stamp:
    options = options_of(policy)
    elements = [SharedElement(METHOD_CODES, "SQ", number=(len(options),))]
    for number, (value, meaning) in enumerate(options):
        item = f"{METHOD_CODES}[{number}]."
        elements += [
            SharedElement(f"{item}00080100", "SH", text=(value,)),
            SharedElement(f"{item}00080102", "SH", text=("DCM",)),
            SharedElement(f"{item}00080104", "LO", text=(meaning,)),
        ]
    return Stamp(METHOD_CODES, tuple(elements))

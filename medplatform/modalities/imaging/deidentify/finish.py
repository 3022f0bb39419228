"""The second step, where the key is: UIDs, dates and ids of a prepared data set."""

from collections.abc import Callable
from functools import lru_cache

from medplatform.modalities.imaging.deidentify.prepared import Prepared
from medplatform.modalities.imaging.deidentify.values import shift_date, shift_datetime
from medplatform.modalities.imaging.flatten import Element, SharedElement
from medplatform.modalities.imaging.terms import standard_uid
from medplatform.privacy import Identity, Subject

_REMEMBERED = 1 << 12
TOKEN_KINDS = {
    "00120040": "clinical_trial_subject",
    "00120042": "clinical_trial_reading",
    "00400512": "container",
    "00400551": "specimen",
}
"""Ids that become tokens of a kind, so that equal ones stay equal; their VR is LO."""


def finish(prepared: Prepared, identity: Identity, subject: Subject) -> list[Element]:
    """The elements of a data set, de-identified.

    UIDs are replaced consistently over files and runs but for those that the standard defines;
    dates are moved by the subject's days, and what is no date is emptied.
    """
    elements = prepared.elements.copy()
    _replace(elements, prepared.uids, lambda uid: pseudonymous_uid(identity, uid))
    for place in prepared.dates:
        element = elements[place]
        move = _moved_once if isinstance(element, SharedElement) else _moved
        elements[place] = move(element, subject)
    for place in prepared.patients:
        elements[place] = elements[place]._replace(vr="LO", text=(subject.patient_id,))
    for place in prepared.tokens:
        kind = TOKEN_KINDS[elements[place].path[-8:]]
        _replace(elements, [place], lambda value, kind=kind: identity.token(kind, value))
    return elements


def pseudonymous_uid(identity: Identity, uid: str) -> str:
    """The UID by which the lake and exported files name what has this one.

    What the standard defines, such as a well-known frame of reference, is nobody's and stays.
    """
    return standard_uid(uid) or identity.uid(uid)


def _moved(element: Element, subject: Subject) -> Element:
    shift = shift_date if element.vr == "DA" else shift_datetime
    texts = tuple([shift(text, subject.shift) for text in element.text or ()])
    return element._replace(text=texts if any(texts) else ())


_moved_once = lru_cache(_REMEMBERED)(_moved)


def _replace(elements: list[Element], places: list[int], replace: Callable[[str], str]) -> None:
    for place in places:
        path, vr, creator, texts, number, binary = elements[place]
        replaced = tuple([replace(text) if text.strip() else "" for text in texts or ()])
        elements[place] = Element(path, vr, creator, replaced, number, binary)

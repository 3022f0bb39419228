"""What asks a peer for instances: identifiers, and presentation contexts where they come back.

For C-GET one context is proposed for each SOP class and transfer syntax, so that the peer can send
each object as it has it. An association has 128 contexts at most, so that several may be needed.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from pydicom.dataset import Dataset
from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, build_context
from pynetdicom.presentation import PresentationContext

from medplatform.pacs.header import InstanceKey

MOST_CONTEXTS = 128
"""Of one association: odd numbers of one byte (PS3.8, 9.3.2.2). One is that of the request."""

Contexts = list[PresentationContext]
_Item = TypeVar("_Item")


class Group(NamedTuple):
    """Instances, and the contexts that are proposed for them, one association after the other."""

    keys: list[InstanceKey]
    proposals: list[Contexts]


def groups_of(keys: Sequence[InstanceKey], sop_classes: Mapping[InstanceKey, str]) -> list[Group]:
    """Instances whose SOP classes fit into one association; those of an unknown class last."""
    by_class: dict[str, list[InstanceKey]] = defaultdict(list)
    for key in keys:
        by_class[sop_classes.get(key, "")].append(key)
    unknown = by_class.pop("", [])
    groups = []
    for classes in batches(list(by_class), (MOST_CONTEXTS - 1) // len(ALL_TRANSFER_SYNTAXES)):
        contexts = [build_context(one, ts) for one in classes for ts in ALL_TRANSFER_SYNTAXES]
        groups.append(Group([key for one in classes for key in by_class[one]], [contexts]))
    if unknown:
        groups.append(Group(unknown, _any_storage()))
    return groups


def retrieve_identifier(keys: Sequence[InstanceKey], *, is_whole: bool) -> Dataset:
    """What asks for a series, or for instances of one (PS3.4, C.4.3.1.3)."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "SERIES" if is_whole else "IMAGE"
    identifier.StudyInstanceUID = keys[0].study
    identifier.SeriesInstanceUID = keys[0].series
    if not is_whole:
        identifier.SOPInstanceUID = [key.sop for key in keys]
    return identifier


def batches(items: Sequence[_Item], size: int) -> Iterator[list[_Item]]:
    """Items in lists of at most so many."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _any_storage() -> list[Contexts]:
    """Every storage class of the standard, for instances whose class the peer does not tell."""
    contexts = [
        build_context(str(one.abstract_syntax), ALL_TRANSFER_SYNTAXES)
        for one in AllStoragePresentationContexts
    ]
    return list(batches(contexts, MOST_CONTEXTS - 1))

"""Small cells: no count from 1 to 10 leaves the platform in a report, a card or a table.

The limit is that of the US Centers for Medicare & Medicaid Services (cell size suppression
policy): no cell below 11, nor any that can be computed from the others.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from medplatform.clinical.subgroups import Subgroup

SMALLEST_CELL: Final = 11
"""Smallest count that may be shown; 0 may be shown too."""

SUPPRESSED: Final = "<11"

HIDDEN: Final = "hidden"
"""Shown for a larger count from which a suppressed one could be computed."""


def is_small(count: int) -> bool:
    """Whether a count must not be shown."""
    return 0 < count < SMALLEST_CELL


def shown(count: int) -> str:
    """A count as it may be shown."""
    return SUPPRESSED if is_small(count) else f"{count:,}"


def shown_events(rows: int, events: int) -> str:
    """Events among rows as they may be shown; few non-events hide them as well as few events."""
    return HIDDEN if is_small(rows - events) and not is_small(events) else shown(events)


def subgroup_table(groups: Iterable[Subgroup]) -> list[dict[str, str]]:
    """Subgroups as rows of text with small cells suppressed, in the order given.

    Where one count of an attribute is suppressed, the next smallest is hidden, since the total
    is known.
    """
    table: list[dict[str, str]] = []
    for _, members in groupby(groups, key=lambda group: group.attribute):
        table += _shown_attribute(list(members))
    return table


def _shown_attribute(groups: Sequence[Subgroup]) -> list[dict[str, str]]:
    patients = _shown_counts([g.patients for g in groups])
    suppressed = [is_small(g.patients) for g in groups]
    events = [_events_of(g) for g in groups]
    if sum(text in (SUPPRESSED, HIDDEN) for text in events) == 1:
        smallest = min(
            (i for i, text in enumerate(events) if text not in (SUPPRESSED, HIDDEN, "")),
            key=lambda i: groups[i].events or 0,
            default=None,
        )
        if smallest is not None:
            events[smallest] = HIDDEN
    return [
        {
            "attribute": group.attribute,
            "group": group.group,
            "patients": count,
            "events": event,
            "figure": "" if small or group.figure is None else str(group.figure),
            "difference": "" if group.difference is None else str(group.difference),
        }
        for group, count, event, small in zip(groups, patients, events, suppressed, strict=True)
    ]


def _shown_counts(counts: Sequence[int]) -> list[str]:
    texts = [shown(count) for count in counts]
    if texts.count(SUPPRESSED) == 1:
        others = [i for i, text in enumerate(texts) if text != SUPPRESSED and counts[i]]
        if others:
            texts[min(others, key=lambda i: counts[i])] = HIDDEN
    return texts


def _events_of(group: Subgroup) -> str:
    if group.events is None:
        return ""
    return SUPPRESSED if is_small(group.rows) else shown_events(group.rows, group.events)

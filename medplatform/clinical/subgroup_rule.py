"""The rule behind the gate on subgroups: shown to be behind, shown not to be, or not decided."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist

import numpy as np

from medplatform.clinical.disclosure import subgroup_table
from medplatform.clinical.estimate import Estimate, standard_error_of
from medplatform.clinical.evaluate import Evidence
from medplatform.clinical.gate import Finding, State
from medplatform.clinical.subgroups import Subgroup, subgroups


def subgroup_floor(evidence: Evidence, thresholds: Mapping[str, float]) -> Finding:
    """No group falls behind the others of its attribute.

    PASS where every compared group is behind by no more than `margin` as measured, and by less
    than `worst` with one-sided confidence: that has to be shown of all of them, so that none needs
    a correction for their number (an intersection-union test, Berger 1982, Technometrics
    24:295-300). FAIL where a group is shown to be behind by more than `margin`, by Holm's test over
    all groups. Else INCONCLUSIVE.
    """
    margin, worst, alpha = thresholds["margin"], thresholds["worst"], thresholds["alpha"]
    groups = subgroups(evidence.candidate, thresholds)
    compared = [(g, g.difference) for g in groups if g.difference is not None]
    left_out = _left_out(groups)
    if not compared:
        return Finding(
            state=State.INCONCLUSIVE,
            reason="No attribute has two known groups that are large enough to be compared."
            + left_out,
            threshold=-worst,
            n=len(evidence.candidate),
        )
    p_values = holm([p_beyond(lead, margin) for _, lead in compared])
    beyond = [g for (g, _), p in zip(compared, p_values, strict=True) if p < alpha]
    unsure = [
        g for g, lead in compared if lead.value < -margin or lower_limit(lead, alpha) <= -worst
    ]
    if beyond:
        state = State.FAIL
        reason = f"Behind the other groups by more than {margin:g}: {_named(beyond)}."
    elif unsure:
        state = State.INCONCLUSIVE
        reason = f"May be behind the other groups, too few to be sure: {_named(unsure)}."
    else:
        state = State.PASS
        reason = (
            f"None of {len(compared)} groups is behind the others by more than {margin:g} as "
            f"measured, nor by {worst:g} at worst."
        )
    least, lead = min(compared, key=lambda pair: lower_limit(pair[1], alpha))
    limit = f"one-sided {1 - alpha:.0%} limit {lower_limit(lead, alpha):.3f}".replace("%", " %")
    worst_is = f" Least sure: {_named([least])}, {_size(groups, least)}, lead {lead}, {limit}."
    return Finding(
        state=state,
        reason=reason + worst_is + left_out,
        value=lead.value,
        threshold=-worst,
        interval=(lead.low, lead.high),
        n=len(evidence.candidate),
    )


def lower_limit(lead: Estimate, alpha: float) -> float:
    """One-sided lower confidence limit at level 1 - alpha."""
    return lead.value - NormalDist().inv_cdf(1 - alpha) * standard_error_of(lead)


def p_beyond(lead: Estimate, margin: float) -> float:
    """One-sided p-value against "this group is not behind by more than the margin"."""
    error = standard_error_of(lead)
    if error == 0:
        return 1.0 if lead.value >= -margin else 0.0
    return NormalDist().cdf((lead.value + margin) / error)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p-values, in the order given."""
    order = np.argsort(p_values)
    scaled = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted.tolist()


def _left_out(groups: Sequence[Subgroup]) -> str:
    missing = [g for g in groups if g.difference is None]
    if not missing:
        return ""
    named = (f"{g.attribute} {g.group} ({_size(groups, g)})" for g in missing)
    return f" Not compared, unknown or too small: {', '.join(named)}."


def _size(groups: Sequence[Subgroup], group: Subgroup) -> str:
    """Patients of a group as they may be shown beside the sizes of the others."""
    table = subgroup_table(groups)
    return next(
        f"{row['patients']} patients"
        for row, other in zip(table, groups, strict=True)
        if other is group
    )


def _named(groups: Iterable[Subgroup]) -> str:
    return ", ".join(f"{group.attribute} {group.group}" for group in groups)

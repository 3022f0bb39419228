"""What is done with the values of one leaf column: each action, by the rule that asks for it."""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.ehr.deidentify.block import Columns, Leaf
from medplatform.modalities.ehr.deidentify.dates import act_on_dates
from medplatform.modalities.ehr.deidentify.distinct import Column
from medplatform.modalities.ehr.deidentify.media_types import generalise_media_type
from medplatform.modalities.ehr.deidentify.numbers import (
    merge_ages,
    merge_years,
    perturb,
    read_decimals,
)
from medplatform.modalities.ehr.deidentify.plan import DATES
from medplatform.modalities.ehr.deidentify.policy import Action, Generalisation, Noise, Rule
from medplatform.modalities.ehr.deidentify.tokens import (
    VERSION,
    is_counted_version,
    pseudonymise,
)
from medplatform.privacy import generalise_postal_code


def act(rule: Rule, leaf: Leaf) -> Columns | None:
    """The published columns of a leaf; None where the rule drops it."""
    if rule.action is Action.DROP:
        leaf.block.count("dropped", leaf.size)
        return None
    if leaf.definition.type in DATES:
        return act_on_dates(rule, leaf)
    return _ACTIONS[rule.action](rule, leaf)


def _publish(leaf: Leaf, array: pa.Array, action: str) -> Columns:
    """Values as published; those that the action made null were dropped."""
    left = len(array) - array.null_count
    leaf.block.count("dropped", leaf.size - left)
    if leaf.definition.type != "decimal":
        leaf.block.count(action, left)
        return [array]
    number, is_wrong = read_decimals(array)
    if is_wrong is not None:
        leaf.refuse(is_wrong)
        left -= int(np.count_nonzero(is_wrong))
        array = pc.if_else(pa.array(is_wrong), pa.scalar(None, pa.string()), array)
    leaf.block.count(action, left)
    return [number, array]


def _keep(rule: Rule, leaf: Leaf) -> Columns:
    return _publish(leaf, leaf.array, "kept")


def _pseudonymise(rule: Rule, leaf: Leaf) -> Columns:
    columns = _publish(leaf, pseudonymise(rule.kind or "", leaf), "pseudonymised")
    if rule.kind == VERSION:
        counted = int(np.count_nonzero(Column(leaf.array).holds(is_counted_version)))
        leaf.block.leaves["pseudonymised"] -= counted
        leaf.block.count("kept", counted)
    return columns


def _rewrite(rule: Rule, leaf: Leaf) -> Columns:
    return _publish(leaf, Column(leaf.array).map_all(leaf.block.resolve), "pseudonymised")


def _redact(rule: Rule, leaf: Leaf) -> Columns:
    return _publish(leaf, _constant(leaf, leaf.block.policy.redaction), "redacted")


def _substitute(rule: Rule, leaf: Leaf) -> Columns:
    is_text = pa.types.is_string(leaf.array.type)
    return _publish(leaf, _constant(leaf, str(rule.value) if is_text else rule.value), "redacted")


def _constant(leaf: Leaf, value: str | bool | int | float | dict | None) -> pa.Array:
    """The same value wherever there is one."""
    nothing = pa.scalar(None, leaf.array.type)
    return pc.if_else(leaf.array.is_valid(), pa.scalar(value, leaf.array.type), nothing)


def _generalise(rule: Rule, leaf: Leaf) -> Columns:
    if rule.to is Generalisation.AGE:
        # An integer has no unit beside it.
        is_quantity = leaf.definition.type == "decimal"
        merged = merge_ages(leaf.array, leaf.parent) if is_quantity else merge_years(leaf.array)
        return _publish(leaf, merged, "generalised")
    if rule.to is Generalisation.MEDIA_TYPE:
        return _publish(leaf, Column(leaf.array).map(generalise_media_type), "generalised")
    return _publish(leaf, Column(leaf.array).map(generalise_postal_code), "generalised")


def _perturb(rule: Rule, leaf: Leaf) -> Columns:
    noise = rule.noise or Noise(span=0)
    kind = leaf.array.type
    if not pa.types.is_string(kind):
        noise = noise.model_copy(update={"decimals": 0})
    moved = perturb(leaf.array.cast(pa.string()), noise, leaf.block.identity)
    return _publish(leaf, moved.cast(kind), "generalised")


_ACTIONS: dict[Action, Callable[[Rule, Leaf], Columns]] = {
    Action.KEEP: _keep,
    Action.PSEUDONYMISE: _pseudonymise,
    Action.REFERENCE: _rewrite,
    Action.REDACT: _redact,
    Action.SUBSTITUTE: _substitute,
    Action.GENERALISE: _generalise,
    Action.PERTURB: _perturb,
}

"""The way through nested columns: lists and structs keep their offsets, leaves are changed.

A leaf is changed a column at a time; Python sees each distinct text of a column at most once.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.ehr.columns.leaves import leaves_in_array
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.deidentify.actions import act
from medplatform.modalities.ehr.deidentify.block import Block, Columns, Leaf, published_fields
from medplatform.modalities.ehr.deidentify.distinct import Column, coalesce
from medplatform.modalities.ehr.deidentify.fragment import KEEP_ALL, read_fragment
from medplatform.modalities.ehr.deidentify.levels import Level, Scope, fields_of, items_of, meets
from medplatform.modalities.ehr.deidentify.plan import Choice, LeafPlan, Planner, StructPlan
from medplatform.modalities.ehr.deidentify.policy import Condition

_EXTENSION = "Extension"


@dataclass(frozen=True, slots=True)
class _Gate:
    """Which elements of a level are in extensions that may be published."""

    level: Level
    is_open: np.ndarray


_Scopes = tuple[Scope, ...]


class Walk:
    """One way through the content of a block."""

    def __init__(self, block: Block, release: Release) -> None:
        self._block = block
        self._release = release
        self._vocabularies = block.policy.vocabularies

    def struct(
        self,
        plan: StructPlan,
        array: pa.StructArray,
        level: Level,
        outer: _Scopes,
        gate: _Gate | None,
    ) -> pa.StructArray:
        """The published elements of an element."""
        scope = Scope(plan.definition, level, fields_of(array))
        scopes = (*outer, scope)
        own_gate = self._extension_gate(scopes, gate) if plan.gated else None
        columns: list[pa.Array] = []
        fields: list[pa.Field] = []
        for name, child in plan.children.items():
            raw = scope.fields.get(name)
            if raw is None:
                continue
            if child is None:
                self._block.count(self._gone(plan), leaves_in_array(raw))
                continue
            inner_gate = own_gate if name in plan.gated else gate
            for column_field, column in self._child(child, raw, level, scopes, inner_gate):
                fields.append(column_field)
                columns.append(column)
        hidden = array.is_null() if array.null_count else None
        if plan.fragment is not None:
            there = array.is_valid()
            for column_field, constant in self._fragment(plan):
                if not any(other.name == column_field.name for other in fields):
                    fields.append(column_field)
                    columns.append(_repeat(constant, there))
        if not fields:
            return pa.array([None if h else {} for h in array.is_null().to_pylist()], pa.struct([]))
        return pa.StructArray.from_arrays(columns, fields=fields, mask=hidden)

    def _fragment(self, plan: StructPlan) -> list[tuple[pa.Field, pa.Array]]:
        """The elements of the object that replaces an element, as one published row."""
        shape, content = read_fragment(plan, self._release)
        block = replace(self._block, policy=KEEP_ALL, leaves=Counter(), invalid=[])
        keep = Planner(KEEP_ALL, self._release).plan(shape)
        row = Walk(block, self._release).struct(keep, content, Level(1), (), None)
        return list(zip(row.type, row.flatten(), strict=True))

    def _gone(self, plan: StructPlan) -> str:
        return "dropped" if plan.fragment is None else "redacted"

    def _child(
        self,
        plan: LeafPlan | StructPlan,
        raw: pa.Array,
        level: Level,
        scopes: _Scopes,
        gate: _Gate | None,
    ) -> list[tuple[pa.Field, pa.Array]]:
        """Columns of an element: one of structs, or those of a leaf; each in a list or not."""
        offsets: np.ndarray | None = None
        items = raw
        if plan.definition.is_list:
            offsets, items = items_of(raw)
            level = Level(len(items), level, offsets)
            # A null in a list holds the place of a value or of its extensions; it stays.
            self._block.count("kept", items.null_count)
        if isinstance(plan, StructPlan):
            made: pa.Array = self.struct(plan, items, level, scopes, gate)
            if gate is not None:
                made = _hide(made, level.spread(gate.is_open, gate.level))
            named = [(pa.field(plan.definition.name, made.type), made)]
        else:
            named = self._leaf(plan, items, level, scopes, gate)
        if offsets is None:
            return named
        return [_in_list(column, raw, offsets) for column in named]

    def _leaf(
        self,
        plan: LeafPlan,
        array: pa.Array,
        level: Level,
        scopes: _Scopes,
        gate: _Gate | None,
    ) -> list[tuple[pa.Field, pa.Array]]:
        block = self._block
        fields = published_fields(plan.definition, array.type)
        if gate is not None:
            is_open = pa.array(level.spread(gate.is_open, gate.level))
            shown = pc.if_else(is_open, array, pa.scalar(None, array.type))
            block.count("dropped", shown.null_count - array.null_count)
            array = shown
        leaf = Leaf(block, plan.definition, plan.path, array, level, scopes[-1])
        parts = self._parts(plan, leaf, scopes)
        if not parts:
            nothing = [pa.nulls(len(array), column_field.type) for column_field in fields]
            return list(zip(fields, nothing, strict=True))
        return [
            (column_field, coalesce(columns))
            for column_field, *columns in zip(fields, *parts, strict=True)
        ]

    def _parts(self, plan: LeafPlan, leaf: Leaf, scopes: _Scopes) -> list[Columns]:
        """What each rule makes of the values it is for; together, of all."""
        parts: list[Columns | None] = []
        left: np.ndarray | None = None
        column = Column(leaf.array)
        for choice in plan.chain:
            if left is not None and not left.any():
                break
            chosen = self._chosen(choice, column, leaf, scopes, left)
            if chosen is None:
                parts.append(act(choice.rule, leaf))
                break
            if chosen.any():
                shown = pc.if_else(pa.array(chosen), leaf.array, pa.scalar(None, leaf.array.type))
                parts.append(act(choice.rule, replace(leaf, array=shown)))
            left = ~chosen if left is None else left & ~chosen
        return [part for part in parts if part is not None]

    def _chosen(
        self,
        choice: Choice,
        column: Column,
        leaf: Leaf,
        scopes: _Scopes,
        left: np.ndarray | None,
    ) -> np.ndarray | None:
        """For which values a rule decides; None for all."""
        if not choice.rule.when:
            return left
        holds = np.zeros(len(leaf.array), dtype=bool)
        for condition in choice.rule.when:
            if not holds.all():
                found = self._holds(condition, choice, column, leaf, scopes)
                also = condition.also
                while also is not None and found.any():
                    found = found & self._holds(also, choice, column, leaf, scopes)
                    also = also.also
                holds |= found
        if left is not None:
            holds &= left
        return None if holds.all() else holds

    def _holds(
        self,
        condition: Condition,
        choice: Choice,
        column: Column,
        leaf: Leaf,
        scopes: _Scopes,
    ) -> np.ndarray:
        vocabulary = self._vocabularies[condition.is_in]
        if condition.sibling:
            scope, name = scopes[choice.depth - 1], condition.sibling
        elif condition.child:
            scope, name = scopes[choice.depth], condition.child
        else:
            return meets(column, condition, vocabulary)
        return leaf.level.spread(scope.holds(name, condition, vocabulary), scope.level)

    def _extension_gate(self, scopes: _Scopes, outer: _Gate | None) -> _Gate:
        """Extensions of a listed URL, and those in them, whose URLs are relative."""
        listed = self._block.policy.extensions or frozenset()
        scope = scopes[-1]
        level = scope.level
        urls = scope.column("url")
        if urls is None:
            return _Gate(level, np.zeros(level.size, dtype=bool))
        is_open = urls.holds(listed.__contains__)
        around = scopes[-2] if len(scopes) > 1 else None
        if around is not None and around.definition.type == _EXTENSION:
            is_relative = urls.holds(lambda url: ":" not in url)
            above = self._extension_gate(scopes[:-1], outer)
            is_open = is_open | (is_relative & level.spread(above.is_open, above.level))
        if outer is not None:
            is_open = is_open & level.spread(outer.is_open, outer.level)
        return _Gate(level, is_open)


def _hide(array: pa.StructArray, is_open: np.ndarray) -> pa.StructArray:
    """Structs only where the gate is open."""
    if is_open.all():
        return array
    fields = [array.type.field(number) for number in range(array.type.num_fields)]
    hidden = ~is_open | array.is_null().to_numpy(zero_copy_only=False)
    return pa.StructArray.from_arrays(
        [array.field(number) for number in range(len(fields))], fields=fields, mask=pa.array(hidden)
    )


def _in_list(
    named: tuple[pa.Field, pa.Array], raw: pa.ListArray, offsets: np.ndarray
) -> tuple[pa.Field, pa.Array]:
    column_field, items = named
    mask = raw.is_null() if raw.null_count else None
    made = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, mask=mask)
    return pa.field(column_field.name, made.type), made


def _repeat(constant: pa.Array, there: pa.Array) -> pa.Array:
    """A single value wherever there is an element."""
    hidden = ~there.to_numpy(zero_copy_only=False)
    return constant.take(pa.array(np.zeros(len(there), np.int32), mask=hidden))

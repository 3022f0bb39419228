"""One block of resources on its way through the actions: what they know, and what they report.

A published leaf is its value, but for decimals (number and text as delivered) and dates (text,
first moment and precision).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa

from medplatform.modalities.ehr.definitions import ElementDefinition
from medplatform.modalities.ehr.deidentify.levels import Level, Scope
from medplatform.modalities.ehr.deidentify.moments import TIMESTAMP
from medplatform.modalities.ehr.deidentify.plan import DATES
from medplatform.modalities.ehr.deidentify.policy import Policy
from medplatform.privacy import Identity

OUT_OF_RANGE = "value.out_of_range"
Columns = Sequence[pa.Array]


@dataclass(slots=True)
class Block:
    """What the leaves of one block need to know, and what is found out about them."""

    policy: Policy
    identity: Identity
    today: date
    patient_id: pa.StringArray
    has_patient: np.ndarray
    shift_days: np.ndarray
    resolve: Callable[[Sequence[str]], list[str | None]]
    id_kind: str | None = None
    are_contained: bool = False
    leaves: Counter[str] = field(default_factory=Counter)
    invalid: list[tuple[int, str, str]] = field(default_factory=list)

    def count(self, action: str, values: int) -> None:
        """Note that so many values were treated so."""
        if values:
            self.leaves[action] += values


@dataclass(slots=True)
class Leaf:
    """A leaf column, or those of its values that one rule is for (the others are null)."""

    block: Block
    definition: ElementDefinition
    path: str
    array: pa.Array
    level: Level
    parent: Scope

    @property
    def size(self) -> int:
        """Number of values."""
        return len(self.array) - self.array.null_count

    def refuse(self, is_wrong: np.ndarray) -> None:
        """Note values that cannot be stored."""
        for position in np.flatnonzero(is_wrong).tolist():
            row, path = self.level.place(position, self.path)
            self.block.invalid.append((row, path, OUT_OF_RANGE))
        self.block.count("dropped", int(is_wrong.sum()))


def published_fields(definition: ElementDefinition, raw_type: pa.DataType) -> list[pa.Field]:
    """The columns of a published leaf; in lists, of one item."""
    name = definition.name
    if definition.type == "decimal":
        return [pa.field(name, pa.float64()), pa.field(f"{name}__text", pa.string())]
    if definition.type in DATES:
        return [
            pa.field(name, pa.string()),
            pa.field(f"{name}__start", TIMESTAMP),
            pa.field(f"{name}__precision", pa.string()),
        ]
    return [pa.field(name, raw_type)]

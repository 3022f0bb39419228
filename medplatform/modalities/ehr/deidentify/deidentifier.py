"""From nested FHIR content as delivered to nested content that may be published."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa

from medplatform.modalities.ehr.columns.shape import Shape
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.deidentify.block import Block
from medplatform.modalities.ehr.deidentify.levels import Level
from medplatform.modalities.ehr.deidentify.plan import Planner, StructPlan
from medplatform.modalities.ehr.deidentify.policy import Policy
from medplatform.modalities.ehr.deidentify.walk import Walk
from medplatform.privacy import Identity


@dataclass(frozen=True, slots=True)
class RowSubjects:
    """Whose the rows of a block are, and what their ids and references become.

    Attributes
    ----------
    patient_id
        Pseudonym of the patient of each row, null in rows of no patient.
    shift_days
        Days that the dates of each row are moved by (int32, within `MAX_SHIFT_DAYS`); without
        meaning in rows of no patient.
    resolve
        Gives `Type/<pseudonym>` for each reference, or None for one that names no resource; called
        with many at once, with each distinct one once.
    id_kind
        Kind of the tokens that ids become; the resource type unless given.
    are_contained
        Whether the resources are contained in others: the id of such a Patient is not that of the
        row's patient, and the kind is "contained" unless given.
    """

    patient_id: pa.StringArray
    shift_days: np.ndarray
    resolve: Callable[[Sequence[str]], Sequence[str | None]]
    id_kind: str | None = None
    are_contained: bool = False

    def resolver(self) -> Callable[[Sequence[str]], list[str | None]]:
        """Resolves references, each once however often it is asked for."""
        known: dict[str, str | None] = {}

        def resolve(references: Sequence[str]) -> list[str | None]:
            new = [reference for reference in references if reference not in known]
            if new:
                known.update(zip(new, self.resolve(new), strict=True))
            return [known[reference] for reference in references]

        return resolve


@dataclass(frozen=True, slots=True)
class Deidentified:
    """What may be published.

    Attributes
    ----------
    content
        One struct per row, without the elements that the policy drops whole.
    leaves
        Values per action: kept, dropped, pseudonymised, shifted, generalised, redacted. Their sum
        is the number of values that came in.
    invalid
        (row, FHIRPath, code) of values that cannot be transformed. They are null in `content`;
        the rows must not be published.
    """

    content: pa.StructArray
    leaves: Counter[str]
    invalid: list[tuple[int, str, str]] = field(default_factory=list)


class Deidentifier:
    """Applies one policy to blocks of resources of any type.

    Parameters
    ----------
    policy
        What is done with which element.
    identity
        Makes the tokens.
    release
        FHIR release of the resources.
    today
        The day by which ages over 89 are told; the current one (UTC) unless given.
    """

    def __init__(
        self, policy: Policy, identity: Identity, release: Release, *, today: date | None = None
    ) -> None:
        self.policy = policy
        self.identity = identity
        self.release = release
        self.today = today or datetime.now(UTC).date()
        self._planner = Planner(policy, release)
        self._plans: dict[tuple[str, str], StructPlan] = {}

    def apply(self, content: pa.StructArray, shape: Shape, subjects: RowSubjects) -> Deidentified:
        """De-identify resources of one type.

        Parameters
        ----------
        content
            One struct per row, of type `shape.raw_type()`, without contained resources.
        shape
            Which elements there are.
        subjects
            The patient of each row.

        Raises
        ------
        PolicyError
            A rule of the policy cannot be applied to an element that it selects.
        """
        block = Block(
            self.policy,
            self.identity,
            self.today,
            subjects.patient_id,
            subjects.patient_id.is_valid().to_numpy(zero_copy_only=False),
            np.asarray(subjects.shift_days, dtype=np.int32),
            subjects.resolver(),
            subjects.id_kind,
            subjects.are_contained,
        )
        level = Level(len(content))
        made = Walk(block, self.release).struct(self._plan(shape), content, level, (), None)
        return Deidentified(made, block.leaves, block.invalid)

    def published_type(self, shape: Shape) -> pa.StructType:
        """The type of what `apply` makes of resources of this shape."""
        nobody = RowSubjects(pa.array([], pa.string()), np.zeros(0, np.int32), lambda _: [])
        nothing = pa.array([], shape.raw_type())
        return self.apply(nothing, shape, nobody).content.type

    def _plan(self, shape: Shape) -> StructPlan:
        key = (shape.definition.type, str(shape.raw_type()))
        if key not in self._plans:
            self._plans[key] = self._planner.plan(shape)
        return self._plans[key]

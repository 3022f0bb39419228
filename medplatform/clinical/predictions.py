"""What a model said about a cohort: the one thing the gates and the report look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray


class MismatchedRows(ValueError):
    """Two sets of predictions are not about exactly the same rows, or a set is malformed."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictions:
    """Predictions of one model for N rows: a risk with its outcome, or a Dice per image.

    A binary task gives `y` and `score`, a segmentation task gives `dice`; never both.

    Parameters
    ----------
    ids
        (N,) unique row names: the patient, the encounter or the image.
    patient_ids
        (N,) the patient of each row. Rows of one patient are correlated, so every interval
        resamples or sums over patients.
    y
        (N,) bool, the observed outcome.
    score
        (N,) float64 in [0, 1], the predicted probability of the outcome.
    dice
        (N,) float64 in [0, 1], Dice of each image. An empty truth scores 1 for an empty
        prediction and 0 for any other; it is never left out.
    groups
        Attribute -> (N,) text, e.g. `{"sex": ["female", …]}`; missing is "unknown".

    Raises
    ------
    MismatchedRows
        Lengths differ, an id repeats, or a value is missing or outside [0, 1].
    """

    ids: NDArray[np.str_]
    patient_ids: NDArray[np.str_]
    y: NDArray[np.bool_] | None = None
    score: NDArray[np.float64] | None = None
    dice: NDArray[np.float64] | None = None
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.y is None) != (self.score is None) or (self.score is None) == (self.dice is None):
            raise MismatchedRows("Give y and score (binary) or dice (segmentation).")
        ids = np.asarray(self.ids, dtype=str)
        if np.unique(ids).size != ids.size:
            raise MismatchedRows("A row id repeats; every row of a cohort is predicted once.")
        columns = {
            "ids": ids,
            "patient_ids": np.asarray(self.patient_ids, dtype=str),
            "y": None if self.y is None else _booleans(self.y),
            "score": None if self.score is None else _unit_interval("score", self.score),
            "dice": None if self.dice is None else _unit_interval("dice", self.dice),
        }
        groups = {name: _labels(values) for name, values in self.groups.items()}
        for name, column in {**columns, **groups}.items():
            if column is not None and column.shape != ids.shape:
                raise MismatchedRows(f"{name} has shape {column.shape}, ids has {ids.shape}.")
        for name, column in columns.items():
            object.__setattr__(self, name, column)
        object.__setattr__(self, "groups", groups)

    def __len__(self) -> int:
        return self.ids.size

    @property
    def patients(self) -> int:
        """Number of different patients."""
        return np.unique(self.patient_ids).size

    @property
    def events(self) -> int:
        """Rows with the outcome; 0 for a segmentation task."""
        return 0 if self.y is None else int(self.y.sum())

    def binary(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Outcome and score of a binary task.

        Raises
        ------
        MismatchedRows
            These are predictions of a segmentation task.
        """
        if self.y is None or self.score is None:
            raise MismatchedRows("These predictions hold a Dice per image, not a risk.")
        return self.y, self.score

    def overlap(self) -> NDArray[np.float64]:
        """Dice per image of a segmentation task.

        Raises
        ------
        MismatchedRows
            These are predictions of a binary task.
        """
        if self.dice is None:
            raise MismatchedRows("These predictions hold a risk, not a Dice per image.")
        return self.dice

    def select(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Predictions":
        """Rows by mask or by position, in that order."""
        return Predictions(
            ids=self.ids[rows],
            patient_ids=self.patient_ids[rows],
            y=None if self.y is None else self.y[rows],
            score=None if self.score is None else self.score[rows],
            dice=None if self.dice is None else self.dice[rows],
            groups={name: values[rows] for name, values in self.groups.items()},
        )

    def aligned_to(self, other: "Predictions") -> "Predictions":
        """These predictions in the row order of another model's.

        Raises
        ------
        MismatchedRows
            The two are not about the same rows, patients and outcomes.
        """
        if len(self) != len(other) or not np.array_equal(np.sort(self.ids), np.sort(other.ids)):
            raise MismatchedRows("The two models were not evaluated on the same rows.")
        order = np.argsort(self.ids)[np.argsort(np.argsort(other.ids))]
        aligned = self.select(order)
        if not np.array_equal(aligned.patient_ids, other.patient_ids):
            raise MismatchedRows("The two models name different patients for the same rows.")
        if (aligned.y is None) != (other.y is None):
            raise MismatchedRows("The two models were evaluated on different tasks.")
        if aligned.y is not None and other.y is not None and (aligned.y != other.y).any():
            raise MismatchedRows("The two models were evaluated against different outcomes.")
        return aligned


def _booleans(values: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.dtype != bool and not np.isin(array, (0, 1)).all():
        raise MismatchedRows("y must be true or false in every row.")
    return array.astype(bool)


def _unit_interval(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all() or ((array < 0) | (array > 1)).any():
        raise MismatchedRows(f"{name} must be a number from 0 to 1 in every row.")
    return array


def _labels(values: ArrayLike) -> NDArray[np.str_]:
    array = np.asarray(values, dtype=object)
    return np.array(["unknown" if v is None or v == "" else str(v) for v in array.ravel()], str)

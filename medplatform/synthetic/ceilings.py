"""The best figures that any model can reach on a synthetic cohort.

A model whose test figure is above the ceiling by more than chance has seen what it must not see.
The planted signal is the same for every seed, so the ceilings are too.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from medplatform.synthetic.cohort import draw_patients
from medplatform.synthetic.draws import generator
from medplatform.synthetic.phantom import OUTLINE_SCALE, Ellipse, draw_geometry

_SEED = 7
_BATCHES = 20
_BATCH_PATIENTS = 5_000
_GEOMETRIES = 1_500
_OUTLINES = 64  # outlines drawn for each geometry, half to choose the prediction, half to judge it
_SCALES = np.linspace(*OUTLINE_SCALE, 25)


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Best reachable AUROC and Dice with the standard errors of their simulation.

    `event_rate` is the share of patients with an event; `dice_deviation` the standard deviation of
    the Dice of single images at the ceiling.
    """

    auroc: float
    auroc_standard_error: float
    event_rate: float
    dice: float
    dice_standard_error: float
    dice_deviation: float

    def write(self, path: Path) -> None:
        """Write them as JSON, each with a sentence that explains it."""
        content = {
            "ehr_risk": {
                "auroc": round(self.auroc, 4),
                "standard_error": round(self.auroc_standard_error, 5),
                "event_rate": round(self.event_rate, 4),
                "explanation": "AUROC of the true event probability, which is a function of the "
                "delivered values only; simulated with "
                f"{_BATCHES * _BATCH_PATIENTS:,} patients.",
            },
            "lesion_segmentation": {
                "dice": round(self.dice, 4),
                "standard_error": round(self.dice_standard_error, 5),
                "image_standard_deviation": round(self.dice_deviation, 4),
                "explanation": "Mean Dice of the best prediction for annotated outlines that "
                f"differ from the visible lesion by a random factor of {OUTLINE_SCALE[0]} to "
                f"{OUTLINE_SCALE[1]}; simulated with {_GEOMETRIES:,} slices.",
            },
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n")


@cache
def compute_ceilings() -> Ceilings:
    """Simulate the ceilings; takes about two CPU seconds."""
    draws = [
        draw_patients(_SEED, batch * _BATCH_PATIENTS, _BATCH_PATIENTS).probability
        for batch in range(_BATCHES)
    ]
    aurocs = np.array([expected_auroc(probability) for probability in draws])
    dices = np.array([_best_dice(number) for number in range(_GEOMETRIES)])
    return Ceilings(
        auroc=expected_auroc(np.concatenate(draws)),
        auroc_standard_error=float(aurocs.std(ddof=1) / np.sqrt(_BATCHES)),
        event_rate=float(np.concatenate(draws).mean()),
        dice=float(dices[:, 0].mean()),
        dice_standard_error=float(dices[:, 0].std(ddof=1) / np.sqrt(_GEOMETRIES)),
        dice_deviation=float(np.sqrt((dices[:, 1] - dices[:, 0] ** 2).mean() + dices[:, 0].var())),
    )


def expected_auroc(probability: np.ndarray) -> float:
    """AUROC of a true probability, averaged over all outcomes it can have.

    The chance that of two patients, one with and one without the event, the one with it has the
    higher probability. Outcomes are weighted rather than drawn, which removes their noise.
    """
    ascending = np.sort(probability)
    healthy_below = np.cumsum(1.0 - ascending) - (1.0 - ascending) / 2.0
    return float(ascending @ healthy_below / (ascending.sum() * (1.0 - ascending).sum()))


def _best_dice(number: int) -> tuple[float, float]:
    """Mean and mean square of the Dice of one slice's best prediction over possible outlines.

    By symmetry the best prediction scales every lesion by one factor. Outlines are concentric, so
    intersection and sum of two of them need only their areas in pixels.
    """
    random = generator(_SEED, f"outlines:{number}")
    overlap = total = np.zeros((_OUTLINES, len(_SCALES)))
    for lesion in draw_geometry(_SEED, number):
        drawn = _areas(lesion, random.uniform(*OUTLINE_SCALE, size=_OUTLINES))[:, None]
        predicted = _areas(lesion, _SCALES)[None, :]
        overlap = overlap + np.minimum(drawn, predicted)
        total = total + drawn + predicted
    dice = 2.0 * overlap / total
    half = _OUTLINES // 2
    judged = dice[half:, np.argmax(dice[:half].mean(axis=0))]
    return float(judged.mean()), float((judged**2).mean())


def _areas(lesion: Ellipse, scales: np.ndarray) -> np.ndarray:
    """Pixels inside the lesion scaled by each factor."""
    radii = lesion.radius()
    return np.searchsorted(np.sort(radii[radii <= OUTLINE_SCALE[1]]), scales, side="right")

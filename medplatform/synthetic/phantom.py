"""CT-like slices with lesions, and what a reader drew around them.

A slice shows each lesion as an ellipse. The annotated outline is that ellipse scaled by a factor
that the image does not show, as when readers disagree about the border. So the outline cannot be
predicted exactly, and the best reachable Dice is known (`ceilings`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from medplatform.synthetic.draws import generator

SIZE = 96
"""Rows and columns of a slice."""
OUTLINE_SCALE = (0.88, 1.12)
"""Range of the factor by which an annotated outline differs from the lesion."""

_CENTRE = (SIZE - 1) / 2
_ROWS, _COLUMNS = np.mgrid[0:SIZE, 0:SIZE].astype(np.float64)
_AIR, _TISSUE, _NOISE = -1000.0, 45.0, 11.0  # Hounsfield units
_GAP = 3.0  # pixels between structures, so that outlines never touch


@dataclass(frozen=True, slots=True)
class Ellipse:
    """Centre and half axes in pixels, angle in radians, contrast in Hounsfield units."""

    row: float
    column: float
    long: float
    short: float
    angle: float
    contrast: float

    def radius(self) -> np.ndarray:
        """Distance from the centre in half axes (1 on the outline), shape (SIZE, SIZE)."""
        down, right = _ROWS - self.row, _COLUMNS - self.column
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        along, across = right * cos + down * sin, down * cos - right * sin
        return np.hypot(along / self.long, across / self.short)


@dataclass(frozen=True, slots=True)
class Slice:
    """`pixels`: int16 Hounsfield units (SIZE, SIZE); `mask`: bool, the lesions as annotated."""

    pixels: np.ndarray
    mask: np.ndarray
    lesions: list[Ellipse]


def draw_slice(seed: int, patient: int, number: int) -> Slice:
    """Slice `number` of a patient."""
    random = generator(seed, f"slice:{patient}:{number}")
    body = _draw_body(random)
    lesions = draw_lesions(random, body)
    pixels = _draw_background(random, body)
    for distractor in _draw_distractors(random, body, lesions):
        _paint(pixels, distractor)
    for lesion in lesions:
        _paint(pixels, lesion)
    pixels += random.normal(0.0, _NOISE, pixels.shape)
    mask = np.zeros(pixels.shape, bool)
    for lesion in lesions:
        mask |= lesion.radius() <= random.uniform(*OUTLINE_SCALE)
    return Slice(np.clip(np.rint(pixels), -1024, 3071).astype(np.int16), mask, lesions)


def draw_geometry(seed: int, number: int) -> list[Ellipse]:
    """Lesions of one slice without its image."""
    random = generator(seed, f"geometry:{number}")
    return draw_lesions(random, _draw_body(random))


def draw_lesions(random: Generator, body: Ellipse) -> list[Ellipse]:
    """One to three lesions inside the body that do not touch each other."""
    lesions: list[Ellipse] = []
    for _ in range(int(random.integers(1, 4))):
        long = random.uniform(5.0, 11.0)
        contrast = random.uniform(40.0, 70.0)
        lesion = _place(random, body, long, random.uniform(0.65, 1.0), contrast, lesions)
        if lesion:
            lesions.append(lesion)
    return lesions


def _draw_body(random: Generator) -> Ellipse:
    return Ellipse(
        row=_CENTRE + random.uniform(-2, 2),
        column=_CENTRE + random.uniform(-2, 2),
        long=random.uniform(40.0, 44.0),
        short=random.uniform(32.0, 37.0),
        angle=random.uniform(-0.15, 0.15),
        contrast=0.0,
    )


def _draw_background(random: Generator, body: Ellipse) -> np.ndarray:
    """Air, a body with smooth texture, and a bright bony rim."""
    radius = body.radius()
    texture = np.zeros((SIZE, SIZE))
    for _ in range(5):
        down, right = random.uniform(-0.22, 0.22, size=2)
        texture += np.cos(_ROWS * down + _COLUMNS * right + random.uniform(0, 2 * np.pi))
    inside = _TISSUE + 4.0 * texture
    rim = 420.0 * np.exp(-(((radius - 0.93) / 0.025) ** 2))
    cover = np.clip((1.0 - radius) * body.short + 0.5, 0.0, 1.0)
    return _AIR + cover * (inside + rim - _AIR)


def _draw_distractors(random: Generator, body: Ellipse, lesions: list[Ellipse]) -> list[Ellipse]:
    """Structures that are no lesions: vessels (small and bright), cysts (dark), calcifications."""
    taken = list(lesions)
    kinds = [(2.0, 0.8, 230.0)] * 3 + [(7.0, 0.85, -50.0)] * 2 + [(1.5, 1.0, 600.0)]
    for long, flatness, contrast in kinds:
        size = long * random.uniform(0.8, 1.2)
        distractor = _place(random, body, size, flatness, contrast, taken)
        if distractor:
            taken.append(distractor)
    return taken[len(lesions) :]


def _place(
    random: Generator,
    body: Ellipse,
    long: float,
    flatness: float,
    contrast: float,
    taken: list[Ellipse],
) -> Ellipse | None:
    """An ellipse well inside the body and clear of the others; None where there is no room."""
    for _ in range(20):
        turn, reach = random.uniform(0, 2 * np.pi), 0.78 * np.sqrt(random.uniform())
        row = body.row + reach * (body.short - long) * np.sin(turn)
        column = body.column + reach * (body.long - long) * np.cos(turn)
        room = [np.hypot(row - o.row, column - o.column) - 1.12 * (o.long + long) for o in taken]
        if min(room, default=_GAP) >= _GAP:
            angle = random.uniform(0, np.pi)
            return Ellipse(row, column, long, long * flatness, angle, contrast)
    return None


def _paint(pixels: np.ndarray, shape: Ellipse) -> None:
    """Add a shape's contrast, with a border one pixel wide."""
    pixels += shape.contrast * np.clip((1.0 - shape.radius()) * shape.short + 0.5, 0.0, 1.0)

"""Splits that keep molecules of one scaffold together, so that a test asks for new chemistry."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Ids of the three parts of a data set."""

    train: list[str]
    validation: list[str]
    test: list[str]


def scaffold_split(
    ids: Sequence[str],
    scaffolds: Sequence[str],
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int | None = None,
) -> Split:
    """Divide molecules into three parts, no scaffold in two of them.

    The groups are taken by falling size, then by the text of their scaffold, and each goes to the
    first part that has room for it, as in MoleculeNet (Wu et al. 2018, doi:10.1039/C7SC02664A). The
    order of the input does not matter. All molecules without rings share the empty scaffold.

    Parameters
    ----------
    ids
        One per molecule; equal ids must have equal scaffolds.
    scaffolds
        The scaffold of each.
    fractions
        Of train, validation and test; they sum to 1.
    seed
        Shuffles the groups that fill at most half of a validation or test part, after the larger
        ones, as chemprop's balanced split does. None keeps the order by size.

    Raises
    ------
    ValueError
        The fractions are none, or ids and scaffolds are not of the same number.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"fractions must be positive and sum to 1, not {fractions}")
    groups: dict[str, list[str]] = defaultdict(list)
    for name, scaffold in zip(ids, scaffolds, strict=True):
        groups[scaffold].append(name)
    train_end = fractions[0] * len(ids)
    validation_end = (fractions[0] + fractions[1]) * len(ids)
    split = Split([], [], [])
    largest_shuffled = min(fractions[1:]) * len(ids) / 2
    for scaffold in _order(groups, seed, largest_shuffled):
        group = sorted(groups[scaffold])
        if len(split.train) + len(group) <= train_end + _ROUNDING:
            split.train.extend(group)
        elif len(split.train) + len(split.validation) + len(group) <= validation_end + _ROUNDING:
            split.validation.extend(group)
        else:
            split.test.extend(group)
    return split


_ROUNDING = 1e-6
"""What 0.8 + 0.1 lacks of 0.9, many times over."""


def _order(groups: dict[str, list[str]], seed: int | None, largest_shuffled: float) -> list[str]:
    ordered = sorted(groups, key=lambda scaffold: (-len(groups[scaffold]), scaffold))
    if seed is None:
        return ordered
    large = [scaffold for scaffold in ordered if len(groups[scaffold]) > largest_shuffled]
    small = ordered[len(large) :]
    return [*large, *(small[i] for i in np.random.default_rng(seed).permutation(len(small)))]

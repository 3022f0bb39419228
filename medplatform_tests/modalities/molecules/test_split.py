"""Splits by scaffold keep groups together and depend on nothing but their content."""

import random

import pytest

from medplatform.modalities.molecules.split import scaffold_split

IDS = [f"m{n:03}" for n in range(100)]
SCAFFOLDS = ["big"] * 40 + ["half"] * 20 + [f"s{n // 2}" for n in range(40)]


def test_every_molecule_is_in_one_part_and_every_scaffold_too() -> None:
    split = scaffold_split(IDS, SCAFFOLDS)
    assert sorted(name for part in split for name in part) == IDS
    of = dict(zip(IDS, SCAFFOLDS, strict=True))
    parts = [{of[name] for name in part} for part in split]
    assert not (parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2])
    assert [len(part) for part in split] == [80, 10, 10]


@pytest.mark.parametrize("seed", [None, 1])
def test_the_order_of_the_molecules_does_not_matter(seed: int | None) -> None:
    pairs = list(zip(IDS, SCAFFOLDS, strict=True))
    random.Random(0).shuffle(pairs)
    ids, scaffolds = zip(*pairs, strict=True)
    shuffled = scaffold_split(ids, scaffolds, seed=seed)
    assert [sorted(part) for part in shuffled] == [
        sorted(part) for part in scaffold_split(IDS, SCAFFOLDS, seed=seed)
    ]


def test_a_seed_shuffles_the_small_groups_only() -> None:
    first, second = scaffold_split(IDS, SCAFFOLDS, seed=1), scaffold_split(IDS, SCAFFOLDS, seed=2)
    assert first != second
    assert set(IDS[:60]) <= set(first.train) & set(second.train)


def test_a_group_that_has_no_room_goes_on() -> None:
    split = scaffold_split(["a", "b", "c", "d"], ["x", "x", "x", "y"], (0.5, 0.25, 0.25))
    assert split == (["d"], ["a", "b", "c"], [])


def test_fractions_must_be_fractions() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        scaffold_split(IDS, SCAFFOLDS, (0.8, 0.3, 0.1))

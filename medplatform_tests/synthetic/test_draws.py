"""Draws depend on (seed, name, patient) and on nothing else."""

import numpy as np
import pytest

from medplatform.synthetic.draws import Draws, generator, make_uid


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7])
def test_a_patient_draws_the_same_in_every_batch(width: int) -> None:
    whole = Draws(1, 0, 50).uniforms("age", width)
    parts = [Draws(1, first, 13).uniforms("age", width) for first in range(0, 50, 13)]
    assert np.array_equal(whole, np.concatenate(parts)[:50])


def test_names_and_seeds_are_independent() -> None:
    draws = [Draws(1, 0, 4000).normal("a"), Draws(1, 0, 4000).normal("b")]
    draws.append(Draws(2, 0, 4000).normal("a"))
    correlations = np.corrcoef(draws)[np.triu_indices(3, 1)]
    assert np.all(np.abs(correlations) < 5 / np.sqrt(4000))


def test_normals_are_standard_normal() -> None:
    values = Draws(3, 0, 20_000).normal("z")
    assert abs(values.mean()) < 5 / np.sqrt(20_000)
    assert abs(values.std() - 1) < 0.03
    assert abs((np.abs(values) < 1.96).mean() - 0.95) < 0.01


def test_integers_include_both_ends() -> None:
    assert set(Draws(1, 0, 500).integers("n", 2, 5).tolist()) == {2, 3, 4, 5}


def test_generator_and_uid_are_keyed_by_seed_and_name() -> None:
    assert generator(1, "x").random() == generator(1, "x").random()
    assert generator(1, "x").random() != generator(1, "y").random()
    assert make_uid(1, "x") == make_uid(1, "x") != make_uid(2, "x")


def test_uids_are_valid() -> None:
    from pydicom.uid import UID

    assert all(UID(make_uid(1, str(number))).is_valid for number in range(200))

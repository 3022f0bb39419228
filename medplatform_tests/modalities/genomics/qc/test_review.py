"""Which figures are implausible, and when nothing can be told."""

import numpy as np
import polars as pl
import pytest

from medplatform.modalities.genomics.qc import review
from medplatform.modalities.genomics.qc.assess import Quality
from medplatform.modalities.genomics.qc.kinship import COLUMNS
from medplatform.modalities.genomics.qc.relatedness import Relatedness
from medplatform.modalities.genomics.qc.review import Finding


def make_quality(*, gaps: list[int] | None = None, **figures: list) -> Quality:
    rows = max(map(len, figures.values()), default=1)
    defaults = {
        "call_rate": 1.0,
        "snvs": 0,
        "ti_tv_ratio": 2.0,
        "het_hom_ratio": 1.5,
        "is_sex_mismatch": False,
        "sexes_disagree": False,
    }
    samples = pl.DataFrame({n: figures.get(n, [v] * rows) for n, v in defaults.items()})
    positions = np.cumsum(gaps or [1000] * 50).tolist()
    variants = pl.DataFrame(
        {"genome_build": "GRCh38", "chromosome": "1", "position": positions, "call_rate": 1.0}
    )
    return Quality(samples, variants, Relatedness(pl.DataFrame(schema=COLUMNS), 0))


def find(quality: Quality, rule: str) -> Finding:
    (found,) = [each for each in review.review_samples(quality) if each.rule == rule]
    return found


@pytest.mark.parametrize(
    ("snvs", "ratio", "gaps", "judged", "is_good"),
    [
        (4_000_000, 2.05, None, 1, True),
        (4_000_000, 1.2, None, 1, False),
        (20_000, 3.0, [100] * 40 + [100_000] * 4, 1, True),
        (20_000, 2.0, [100] * 40 + [100_000] * 4, 1, False),
        # Not an exome: its variants are evenly spread, as those of an array or a chromosome.
        (20_000, 2.0, None, 0, True),
        (500, 9.0, None, 0, True),
    ],
)
def test_transitions_are_judged_by_the_kind_of_data(
    snvs: int, ratio: float, gaps: list[int] | None, judged: int, is_good: bool
) -> None:
    quality = make_quality(snvs=[snvs], ti_tv_ratio=[ratio], gaps=gaps)
    found = find(quality, "transitions_to_transversions_are_plausible")
    assert (found.judged, found.is_good) == (judged, is_good)


def test_a_sample_far_from_the_others_is_one() -> None:
    ratios = [1.5 + 0.01 * (number % 7) for number in range(30)]
    rule = "het_hom_ratio_is_within_4_deviations"
    assert find(make_quality(het_hom_ratio=ratios), rule).is_good
    found = find(make_quality(het_hom_ratio=[*ratios, 2.5]), rule)
    assert (found.value, found.judged) == (1, 31)
    few = find(make_quality(het_hom_ratio=[1.5, 1.5, 9.0]), rule)
    assert (few.value, few.judged) == (0, 0)


def test_samples_are_counted_that_break_a_rule() -> None:
    rates = make_quality(call_rate=[0.99, 0.95, 0.9, None])
    assert find(rates, "samples_have_call_rate_of_0_95").value == 1
    sexes = make_quality(is_sex_mismatch=[True, None, False])
    found = find(sexes, "sex_on_x_is_the_declared_sex")
    assert (found.value, found.judged) == (1, 2)

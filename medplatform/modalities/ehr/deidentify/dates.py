"""What is done with dates: shifted, cut to the year, or kept."""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.ehr.deidentify.block import Columns, Leaf
from medplatform.modalities.ehr.deidentify.distinct import coalesce
from medplatform.modalities.ehr.deidentify.moments import (
    EARLIEST_YEAR,
    LATEST_YEAR,
    PRECISIONS,
    TIMESTAMP,
    Moments,
    read_moments,
)
from medplatform.modalities.ehr.deidentify.policy import Action, Generalisation, Rule
from medplatform.privacy.policy import OLDEST_AGE

_FIRST_YEAR, _LAST_YEAR = EARLIEST_YEAR - 2, LATEST_YEAR + 2
_YEARS = pa.array([str(year) for year in range(_FIRST_YEAR, _LAST_YEAR + 1)])


def act_on_dates(rule: Rule, leaf: Leaf) -> Columns | None:
    """The published columns of a date leaf, by a rule that does not drop it."""
    if rule.action is Action.SHIFT_DATE:
        return _shift(leaf)
    if rule.action is Action.GENERALISE and rule.to is Generalisation.BIRTH_DATE:
        return _merge_birth_dates(leaf)
    if rule.action is Action.GENERALISE:
        return _cut_to_year(leaf, _read(leaf))
    if rule.action is Action.SUBSTITUTE:
        constant = pa.array([str(rule.value)]).take(pa.array(np.zeros(len(leaf.array), np.int32)))
        array = pc.if_else(leaf.array.is_valid(), constant, pa.scalar(None, pa.string()))
        return _show(leaf, read_moments(array), "redacted")
    return _show(leaf, _read(leaf), "kept")


def _read(leaf: Leaf, shift: np.ndarray | None = None) -> Moments:
    moments = read_moments(leaf.array, shift)
    if moments.is_wrong.any():
        leaf.refuse(moments.is_wrong)
    if leaf.block.policy.drops_old_dates:
        delivered = moments.days - (0 if shift is None else shift)
        is_old = moments.is_valid & (delivered <= _days_of_age(leaf.block.today))
        leaf.block.count("dropped", int(np.count_nonzero(is_old)))
        moments.is_valid &= ~is_old
    return moments


def _days_of_age(today: date) -> int:
    """The latest day of birth of those over 89, in days since 1970."""
    born = f"{today.year - OLDEST_AGE}-{today.month:02d}-{min(today.day, 28):02d}"
    return int(np.datetime64(born, "D").astype(np.int64)) + max(today.day - 28, 0)


def _show(leaf: Leaf, moments: Moments, action: str) -> Columns:
    leaf.block.count(action, int(np.count_nonzero(moments.is_valid)))
    return moments.columns()


def _shift(leaf: Leaf) -> Columns | None:
    block = leaf.block
    shift = leaf.level.of_rows(block.shift_days)
    if block.has_patient.all():
        return _show(leaf, _read(leaf, shift), "shifted")
    of_patient = pa.array(leaf.level.of_rows(block.has_patient))
    nothing = pa.scalar(None, pa.string())
    others = replace(leaf, array=pc.if_else(of_patient, nothing, leaf.array))
    leaf = replace(leaf, array=pc.if_else(of_patient, leaf.array, nothing))
    shifted = _show(leaf, _read(leaf, shift), "shifted")
    if block.policy.dates_without_patient == "drop":
        block.count("dropped", others.size)
        return shifted
    moments = _read(others)
    is_kept = block.policy.dates_without_patient == "keep"
    rest = _show(others, moments, "kept") if is_kept else _cut_to_year(others, moments)
    return [coalesce(pair) for pair in zip(shifted, rest, strict=True)]


def _cut_to_year(leaf: Leaf, moments: Moments) -> Columns:
    leaf.block.count("generalised", int(np.count_nonzero(moments.is_valid)))
    return _year_columns(_years(moments.days), moments.is_valid)


def _merge_birth_dates(leaf: Leaf) -> Columns:
    """Years of birth after the shift, as `generalise_birth_year` merges them."""
    block = leaf.block
    shift = np.where(
        leaf.level.of_rows(block.has_patient), leaf.level.of_rows(block.shift_days), np.int32(0)
    )
    moments = _read(leaf, shift)
    # ISO dates sort like their texts, and a partial date before the days in it.
    after = pc.greater(pc.utf8_slice_codeunits(leaf.array, 0, 10), block.today.isoformat())
    is_future = moments.is_valid & after.fill_null(False).to_numpy(zero_copy_only=False)
    if is_future.any():
        leaf.refuse(is_future)
    is_good = moments.is_valid & ~is_future
    block.count("generalised", int(np.count_nonzero(is_good)))
    years = np.maximum(_years(moments.days), block.today.year - OLDEST_AGE)
    return _year_columns(years, is_good)


def _years(days: np.ndarray) -> np.ndarray:
    return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970


def _year_columns(years: np.ndarray, is_good: np.ndarray) -> Columns:
    """Text, start and precision of years."""
    hidden = None if is_good.all() else ~is_good
    first = (years - 1970).astype("datetime64[Y]").astype("datetime64[us]").astype(np.int64)
    precision = pa.array(np.zeros(len(years), np.int8), mask=hidden)
    return [
        _YEARS.take(pa.array(years - _FIRST_YEAR, mask=hidden)),
        pa.array(first, pa.int64(), mask=hidden).cast(TIMESTAMP),
        pa.array(PRECISIONS).take(precision),
    ]

"""The latent patient: who they are, what was measured when, and whether an event followed.

Everything a modality writes comes from here, so all modalities tell one story. The event is drawn
with a probability that is a function of the delivered values only (`risk`), so no model of those
values can do better than that probability.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import numpy as np

from medplatform.synthetic.draws import Draws
from medplatform.synthetic.panel import polygenic_z
from medplatform.synthetic.risk import MEASURES, event_probability

EPOCH = datetime(2019, 1, 1, tzinfo=UTC)
"""First possible day of an index encounter: data never depend on the clock."""
INDEX_DAYS = 3 * 365
VISITS = 3
"""The latest visits before the index encounter, at which measures are taken."""
HORIZON_DAYS = 365
BATCH = 500

# Mean over visits is the patient's own level; this is the standard deviation between visits.
_VISIT_SD = {
    "body_mass_index": 0.4,
    "systolic": 5.0,
    "diastolic": 3.5,
    "hba1c": 0.15,
    "ldl": 8.0,
    "creatinine": 0.05,
}
_NEVER_MEASURED = {"body_mass_index": 0.03, "hba1c": 0.15, "ldl": 0.12, "creatinine": 0.10}
# Chance that a measure that a patient has is taken at the last, second and third visit back.
_TAKEN = {
    "body_mass_index": (0.9, 0.4, 0.0),
    "systolic": (1.0, 0.6, 0.3),
    "diastolic": (1.0, 0.6, 0.3),
    "hba1c": (0.85, 0.3, 0.0),
    "ldl": (0.85, 0.3, 0.0),
    "creatinine": (0.85, 0.2, 0.0),
}


@dataclass(frozen=True, slots=True)
class History:
    """One patient's record.

    `visits_at` holds the ambulatory visits before the index encounter, latest first; `measured`
    the values of the first `VISITS` of them, None where not taken. `at_index` are the values taken
    during the index encounter, which is too late for a prediction at its start.
    """

    number: int
    is_male: bool
    birth_date: date
    index_at: datetime
    visits_at: list[datetime]
    followup_at: datetime
    event_at: datetime | None
    event_kind: int
    is_smoker: bool
    is_former_smoker: bool
    has_hypertension: bool
    has_diabetes: bool
    minor: int
    """Which unrelated illness the patient had: 0 for none, else its number from 1."""
    measured: dict[str, list[float | None]]
    at_index: dict[str, float]
    death_at: datetime | None
    postal_code: str

    @property
    def last_visit_at(self) -> datetime:
        """The latest visit before the index encounter."""
        return self.visits_at[0]


@dataclass(frozen=True, slots=True)
class Patients:
    """A batch of latent patients as arrays of shape (patients,) or (patients, visits)."""

    numbers: np.ndarray
    is_male: np.ndarray
    birth_day: np.ndarray
    index_minute: np.ndarray
    visit_minutes: np.ndarray
    visit_counts: np.ndarray
    followup_minute: np.ndarray
    has_event: np.ndarray
    event_minute: np.ndarray
    event_kind: np.ndarray
    flags: dict[str, np.ndarray]
    minor: np.ndarray
    measured: dict[str, np.ndarray]
    at_index: dict[str, np.ndarray]
    death_minute: np.ndarray
    postal_code: np.ndarray
    probability: np.ndarray

    def histories(self) -> Iterator[History]:
        """The patients one by one."""
        measured = {
            name: [[None if value != value else value for value in row] for row in rows.tolist()]
            for name, rows in self.measured.items()
        }
        for at in range(len(self.numbers)):
            yield History(
                number=int(self.numbers[at]),
                is_male=bool(self.is_male[at]),
                birth_date=(EPOCH + timedelta(days=int(self.birth_day[at]))).date(),
                index_at=_moment(self.index_minute[at]),
                visits_at=[_moment(m) for m in self.visit_minutes[at, : self.visit_counts[at]]],
                followup_at=_moment(self.followup_minute[at]),
                event_at=_moment(self.event_minute[at]) if self.has_event[at] else None,
                event_kind=int(self.event_kind[at]),
                is_smoker=bool(self.flags["is_smoker"][at]),
                is_former_smoker=bool(self.flags["is_former_smoker"][at]),
                has_hypertension=bool(self.flags["has_hypertension"][at]),
                has_diabetes=bool(self.flags["has_diabetes"][at]),
                minor=int(self.minor[at]),
                measured={name: rows[at] for name, rows in measured.items()},
                at_index={name: float(values[at]) for name, values in self.at_index.items()},
                death_at=_moment(self.death_minute[at]) if self.death_minute[at] else None,
                postal_code=f"{int(self.postal_code[at]):05d}",
            )


def draw_histories(seed: int, first: int, count: int) -> Iterator[History]:
    """The patients `first` … `first + count - 1` of a cohort, in bounded memory."""
    for start in range(first, first + count, BATCH):
        yield from draw_patients(seed, start, min(BATCH, first + count - start)).histories()


def draw_history(seed: int, number: int) -> History:
    """One patient of a cohort."""
    return next(islice(draw_histories(seed, number, 1), 1))


def draw_patients(seed: int, first: int, count: int) -> Patients:
    """Draw a batch: levels, visits, delivered values, then the event from the delivered values."""
    draws = Draws(seed, first, count)
    is_male = draws.chance("sex", 0.5)
    spread = draws.uniforms("age", 2)
    age_days = 365.25 * (31.0 + 53.0 * (0.6 * spread[:, 0] + 0.4 * spread[:, 1]))
    index_minute = _clinic_minutes(draws, "index", draws.integers("index_day", 0, INDEX_DAYS))
    birth_day = index_minute // 1440 - age_days.astype(np.int64)
    age_years = _years(index_minute // 1440) - _years(birth_day)

    levels, flags = _draw_levels(draws, age_years, is_male)
    measured = {name: _measure(draws, name, levels[name]) for name in levels}
    measured["diastolic"][np.isnan(measured["systolic"])] = np.nan
    at_index = {
        name: _read_off(draws, f"{name}:index", name, levels[name])
        for name in ("systolic", "diastolic", "ldl")
    }
    probability = event_probability(
        {name: _latest(values) for name, values in measured.items()}
        | {"age_years": age_years.astype(float), "is_male": is_male.astype(float)}
        | {name: flag.astype(float) for name, flag in flags.items()}
        | {"polygenic_z": polygenic_z(draws)}
    )
    has_event = draws.chance("event", probability)
    index_day = index_minute // 1440
    event_day = index_day + draws.integers("event_day", 5, HORIZON_DAYS - 6)
    followup = _clinic_minutes(draws, "followup", index_day + draws.integers("follow", 380, 430))
    dies = has_event & draws.chance("death", 0.06)
    visit_minutes, visit_counts = _draw_visits(draws, index_day)
    return Patients(
        numbers=np.arange(first, first + count),
        is_male=is_male,
        birth_day=birth_day,
        index_minute=index_minute,
        visit_minutes=visit_minutes,
        visit_counts=visit_counts,
        followup_minute=followup,
        has_event=has_event,
        event_minute=event_day * 1440 + draws.integers("event_minute", 0, 1439),
        event_kind=draws.integers("event_kind", 0, 3),
        flags=flags,
        minor=np.maximum(draws.integers("minor", -2, 3), 0),
        measured=measured,
        at_index=at_index,
        death_minute=np.where(dies, followup + 1440 * draws.integers("death_day", 20, 300), 0),
        postal_code=draws.integers("postal", 10_000, 99_999),
        probability=probability,
    )


def _draw_levels(
    draws: Draws, age_years: np.ndarray, is_male: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Each patient's own level of every measure, and the conditions that go with them."""
    older = (age_years - 58.0) / 11.0
    bmi = 28.0 * np.exp(0.17 * draws.normal("bmi"))
    systolic = 130.0 + 5.0 * older + 0.6 * (bmi - 28.0) + 13.0 * draws.normal("systolic")
    has_hypertension = draws.chance("hypertension", _sigmoid(0.08 * (systolic - 138.0)))
    has_diabetes = draws.chance("diabetes", _sigmoid(-1.9 + 0.09 * (bmi - 28.0) + 0.3 * older))
    controlled = 5.45 + 0.1 * older + 0.3 * draws.normal("hba1c")
    uncontrolled = 7.3 + 0.9 * np.abs(draws.normal("hba1c_diabetes"))
    smoking = draws.uniform("smoking")
    levels = {
        "body_mass_index": bmi,
        "systolic": systolic,
        "diastolic": 80.0 + 0.35 * (systolic - 130.0) + 7.0 * draws.normal("diastolic"),
        "hba1c": np.where(has_diabetes, uncontrolled, controlled),
        "ldl": 125.0 + 32.0 * draws.normal("ldl"),
        "creatinine": 0.82 + 0.14 * is_male + 0.03 * older + 0.12 * draws.normal("creatinine"),
    }
    flags = {
        "is_smoker": smoking < 0.24,
        "is_former_smoker": (smoking >= 0.24) & (smoking < 0.5),
        "has_hypertension": has_hypertension,
        "has_diabetes": has_diabetes,
    }
    return levels, flags


def _measure(draws: Draws, name: str, level: np.ndarray) -> np.ndarray:
    """Values at the latest visits, NaN where not taken. Shape (patients, visits)."""
    # Both pressures are read off one cuff: they are there together or not at all.
    key = "systolic" if name == "diastolic" else name
    never = draws.uniform(f"{key}:never") < _NEVER_MEASURED.get(name, 0.0)
    taken = draws.uniforms(f"{key}:taken", VISITS) < np.array(_TAKEN[name])
    visits = [_read_off(draws, f"{name}:{visit}", name, level) for visit in range(VISITS)]
    return np.where(taken & ~never[:, None], np.stack(visits, axis=1), np.nan)


def _read_off(draws: Draws, key: str, name: str, level: np.ndarray) -> np.ndarray:
    measure = MEASURES[name]
    value = level + _VISIT_SD[name] * draws.normal(f"{key}:noise")
    return np.round(np.clip(value, measure.minimum, measure.maximum), measure.decimals)


def _draw_visits(draws: Draws, index_day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Four to six yearly visits, the latest 30 to 90 days before the index; latest first."""
    most = 6
    gaps = 330 + (70 * draws.uniforms("gaps", most)).astype(np.int64)
    gaps[:, 0] = draws.integers("last_gap", 30, 90)
    days = index_day[:, None] - np.cumsum(gaps, axis=1)
    minutes = [_clinic_minutes(draws, f"visit:{visit}", days[:, visit]) for visit in range(most)]
    return np.stack(minutes, axis=1), draws.integers("visits", 4, most)


def _clinic_minutes(draws: Draws, name: str, day: np.ndarray) -> np.ndarray:
    """A minute between 8 and 16 o'clock on a day; days and minutes count from `EPOCH`."""
    return day * 1440 + draws.integers(f"{name}:minute", 8 * 60, 16 * 60)


def _latest(values: np.ndarray) -> np.ndarray:
    """The most recent value of each patient, NaN where there is none."""
    first = np.argmax(~np.isnan(values), axis=1)
    return values[np.arange(len(values)), first]


def _years(days: np.ndarray) -> np.ndarray:
    """Calendar year of days counted from `EPOCH`."""
    start = np.datetime64(EPOCH.date(), "D")
    return (start + days).astype("datetime64[Y]").astype(np.int64) + 1970


def _moment(minute: np.int64) -> datetime:
    return EPOCH + timedelta(minutes=int(minute))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))

"""The mart `ucum_conversion`: for each code and unit that was delivered, how to convert it.

Units are read once per distinct pair, values are converted by SQL. What is wanted is written in
the seeds of the dbt project: the unit of each measurement and what must be known of the substance
(`measurement_codes`), other ways to write a unit (`unit_spellings`), and conversions that units
cannot tell (`unit_conversions`), which go before what is computed.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl

from medplatform.lake import Lake
from medplatform.modalities import TABLES
from medplatform.warehouse.inputs import UCUM_CONVERSION, write_input
from medplatform.warehouse.units import (
    PURE_NUMBER,
    Conversion,
    NotCommensurable,
    NotUcum,
    Substance,
    convert,
    is_number,
)

SEEDS = Path(__file__).parents[2] / "dbt" / "seeds"
_CATEGORIES = frozenset({"laboratory", "vital-signs"})
_SLASH = re.compile(r"\s*/\s*")
# UCUM tells case apart, sources do not: ng/ML is no nanogram per megalitre.
_MEGA = re.compile(r"(?<![A-Za-z\[])M[gLl](?![A-Za-z])")
_PAIR = ("observation_system", "observation_code", "value_unit")


class Problem(StrEnum):
    """Why values stay as delivered."""

    CODE_NOT_LISTED = "code not listed"
    UNIT_MISSING = "unit missing"
    UNIT_NOT_UCUM = "unit not in UCUM"
    OTHER_KIND = "unit of another kind of quantity"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a code measures, and in which unit it is wanted."""

    name: str
    unit: str
    substance: Substance


@dataclass(frozen=True, slots=True)
class Reference:
    """The reviewed seeds.

    `measurements` by system and code; `spellings` from a delivered unit to UCUM; `reviewed` by
    name of the measurement, delivered unit and wanted unit.
    """

    measurements: Mapping[tuple[str, str], Measurement]
    spellings: Mapping[str, str]
    reviewed: Mapping[tuple[str, str, str], Conversion]


def write_ucum_conversions(lake: Lake, marts: Path, *, seeds: Path = SEEDS) -> pl.DataFrame:
    """Compute the conversions of all units in the lake and replace the mart at once."""
    reference = read_reference(seeds)
    rows = [describe(pair, reference) for pair in _delivered(lake, reference)]
    arrow_schema = UCUM_CONVERSION.schema()
    schema = pl.from_arrow(arrow_schema.empty_table())
    assert isinstance(schema, pl.DataFrame)
    conversions = pl.DataFrame(rows, schema=schema.schema).sort(UCUM_CONVERSION.key)
    write_input(UCUM_CONVERSION, conversions, marts)
    return conversions


def read_reference(seeds: Path = SEEDS) -> Reference:
    """The seeds that say what is wanted."""
    measurements = {
        (row["code_system"], row["code"]): Measurement(
            row["measurement"],
            row["unit"],
            Substance(
                molar_mass=float(row["molar_mass_g_mol"]) if row["molar_mass_g_mol"] else None,
                charge=int(row["charge"]) if row["charge"] else None,
                international_unit=row["international_unit"] or None,
            ),
        )
        for row in _read_seed(seeds / "measurement_codes.csv")
    }
    spellings = {
        row["delivered_unit"]: row["unit"] for row in _read_seed(seeds / "unit_spellings.csv")
    }
    reviewed = {
        (row["measurement"], row["delivered_unit"], row["unit"]): Conversion(
            float(row["factor"]), float(row["intercept"])
        )
        for row in _read_seed(seeds / "unit_conversions.csv")
    }
    return Reference(measurements, spellings, reviewed)


def describe(pair: Mapping[str, Any], reference: Reference) -> dict[str, Any]:
    """One row of the mart.

    Parameters
    ----------
    pair
        `observation_system`, `observation_code`, `value_unit` and `value_count`.
    reference
        The seeds.
    """
    system, code, delivered = (pair[name] for name in _PAIR)
    measurement = reference.measurements.get((system, code))
    spelled = None if delivered is None else _spell(delivered, reference.spellings)
    row = {
        "observation_system": system,
        "observation_code": code,
        "delivered_unit": delivered,
        "ucum_unit": spelled,
        "value_count": pair["value_count"],
    }
    if measurement is None:
        return {**row, "problem": Problem.CODE_NOT_LISTED.value}
    row["unit"] = measurement.unit
    try:
        conversion = _conversion(measurement, delivered, spelled, reference)
    except NotUcum:
        return {**row, "ucum_unit": None, "problem": Problem.UNIT_NOT_UCUM.value}
    except NotCommensurable:
        problem = Problem.UNIT_MISSING if delivered is None else Problem.OTHER_KIND
        return {**row, "problem": problem.value}
    return {**row, "factor": conversion.factor, "intercept": conversion.intercept}


def _spell(delivered: str, spellings: Mapping[str, str]) -> str:
    """The unit in UCUM; blanks around a slash mean nothing."""
    closed = _SLASH.sub("/", delivered)
    return spellings.get(delivered) or spellings.get(closed, closed)


def _conversion(
    measurement: Measurement, delivered: str | None, spelled: str | None, reference: Reference
) -> Conversion:
    if delivered is None or spelled is None:
        # A number without a unit is one, and not a percentage.
        if is_number(measurement.unit):
            return Conversion()
        raise NotCommensurable(f"{PURE_NUMBER} and {measurement.unit}")
    reviewed = reference.reviewed.get((measurement.name, delivered, measurement.unit))
    if not reviewed and _MEGA.search(spelled):
        raise NotUcum(f"{spelled} is per million litres or in tonnes; meant is another unit")
    return reviewed or convert(spelled, measurement.unit, measurement.substance)


def _delivered(lake: Lake, reference: Reference) -> list[dict[str, Any]]:
    """The distinct codes and units of laboratory results and vital signs, with their counts."""
    columns = [*_PAIR, "category_code", "value_number"]
    pairs = (
        lake.scan(TABLES["ehr_observation"], columns)
        .filter(pl.col("value_number").is_not_null())
        .group_by(*_PAIR, pl.col("category_code").is_in(_CATEGORIES).alias("is_measured"))
        .agg(pl.len().cast(pl.Int64).alias("value_count"))
        .collect()
    )
    listed = pl.DataFrame(
        list(reference.measurements), schema=_PAIR[:2], orient="row"
    ).with_columns(is_listed=True)
    return (
        pairs.join(listed, on=_PAIR[:2], how="left")
        .filter(pl.col("is_measured") | pl.col("is_listed"))
        .group_by(_PAIR)
        .agg(pl.col("value_count").sum())
        .to_dicts()
    )


def _read_seed(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        yield from csv.DictReader(stream)

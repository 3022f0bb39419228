"""Quality control of genotypes as marts and as assets: tables, checks, and what is shown."""

from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from medplatform.defs.genomics import genomics_assets
from medplatform.installation import Installation
from medplatform.privacy import KeyRing
from medplatform.settings import Settings
from medplatform.warehouse.genomics_qc import TABLES, write_genomics_qc
from medplatform_tests.defs.site import materialized
from medplatform_tests.modalities.genomics.qc.conftest import Clinic, write_dosages
from medplatform_tests.warehouse.records import patient, publish

AUTOSOMES = tuple(map(str, range(1, 23)))
PEOPLE = 40


def make_dosages(people: int = PEOPLE) -> np.ndarray:
    draw = np.random.default_rng(3)
    frequency = draw.uniform(0.2, 0.5, (600, 1))
    return draw.binomial(2, frequency, (600, people)).astype(np.int8)


def write_lake(root: Path) -> Clinic:
    clinic = Clinic(root)
    clinic.deliver("first", {"a.vcf": write_dosages(make_dosages(), chromosomes=AUTOSOMES)})
    return clinic


def test_the_marts_have_their_declared_columns(tmp_path: Path) -> None:
    clinic = write_lake(tmp_path)
    assessed = write_genomics_qc(clinic.lake, tmp_path / "marts")
    assert assessed.rows == {
        "genomics_variant_qc": 600,
        "genomics_relatedness": 0,
        "genomics_qc": PEOPLE,
    }
    for table in TABLES:
        rows = pl.read_parquet(assessed.path(table))
        assert rows.schema == pl.DataFrame(table.schema().empty_table()).schema
        assert rows.select(table.key).is_unique().all()
        for column in table.columns:
            values = rows[column.name].drop_nulls()
            assert not column.required or len(values) == len(rows)
            assert not column.values or set(values) <= set(column.values)
            if column.maximum is not None:
                assert (values <= column.maximum + 1e-12).all()
            if column.minimum is not None:
                assert (values >= column.minimum).all()


def test_marts_are_computed_anew_where_something_changed(tmp_path: Path) -> None:
    clinic, marts = write_lake(tmp_path), tmp_path / "marts"
    person = clinic.patient("S0")
    assert write_genomics_qc(clinic.lake, marts).is_new
    assert not write_genomics_qc(clinic.lake, marts).is_new
    publish(tmp_path / "lake", "a", {"ehr_patient": [patient(person, 1960)]})
    assert write_genomics_qc(clinic.lake, marts).is_new
    gone = {"resource_type": "Patient", "resource_id": person}
    publish(tmp_path / "lake", "b", {"ehr_deletion": [gone]})
    assessed = write_genomics_qc(clinic.lake, marts)
    assert assessed.is_new
    assert assessed.rows["genomics_qc"] == PEOPLE - 1


def test_an_empty_lake_has_empty_marts(tmp_path: Path) -> None:
    assessed = write_genomics_qc(Clinic(tmp_path).lake, tmp_path / "marts")
    assert set(assessed.rows.values()) == {0}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dg.ExecuteInProcessResult:
    """A delivery, and a second of a poor sample, a swapped one, and one of two names."""
    root = tmp_path_factory.mktemp("site")
    settings = Settings(data=root, patient_identifier_system="urn:mrn", device="cpu")
    KeyRing.create(settings.master_key)
    clinic = write_lake(root)
    dosages = make_dosages()[:, :3].copy()
    dosages[:200, 0] = -1
    names = ["TWIN", "S5", "S2"]
    second = write_dosages(dosages[:, [2, 0, 2]], names=names, chromosomes=AUTOSOMES)
    clinic.deliver("second", {"a.vcf": second})
    return dg.materialize(
        genomics_assets(), resources={"installation": Installation(settings)}, raise_on_error=False
    )


def test_checks_say_what_is_implausible(result: dg.ExecuteInProcessResult) -> None:
    assert result.success
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    values = {name: check.metadata["value"].value for name, check in checks.items()}
    assert {name: value for name, value in values.items() if value} == {
        "samples_have_call_rate_of_0_95": 1,
        "no_two_patients_have_one_genome": 3,
        "samples_of_a_patient_have_one_genome": 1,
    }
    for check in checks.values():
        figures = {name: check.metadata[name].value for name in ("value", "threshold")}
        assert check.passed == (float(str(figures["value"])) <= float(str(figures["threshold"])))
        assert check.severity is dg.AssetCheckSeverity.WARN
    unasked = [name for name, check in checks.items() if check.metadata["judged"].value == 0]
    assert set(unasked) == {
        "transitions_to_transversions_are_plausible",
        "sex_on_x_is_the_declared_sex",
        "declared_sex_is_that_of_the_patient",
    }


def test_plots_and_previews_name_nobody(result: dg.ExecuteInProcessResult) -> None:
    shown = materialized(result)
    plots = {
        "marts/genomics_qc": {"call rate", "heterozygosity"},
        "marts/genomics_variant_qc": {"missingness", "equilibrium"},
        "marts/genomics_relatedness": {"kinship"},
    }
    for key, titles in plots.items():
        metadata = shown[key]
        for title in titles:
            assert metadata[title].startswith("![plot](data:image/png;base64,")
        assert "k1_" not in metadata["preview"]

"""The export from the command line and from Dagster."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from medplatform.cli import main
from medplatform.cli.export import export
from medplatform.defs.meds import meds_assets
from medplatform.installation import Installation
from medplatform.modalities.ehr.tables import TABLE_OF
from medplatform.settings import Settings, get_settings
from medplatform_tests.warehouse.records import observation, patient, publish


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDPLATFORM_DATA", str(tmp_path / "data"))
    get_settings.cache_clear()
    settings = get_settings()
    rows = {
        "ehr_patient": [patient(name, 1960) for name in ("ann", "bea", "cat")],
        "ehr_observation": [
            observation("ann", "o", "4548-4", "2021-06-01"),
            observation("ann", "p", "4548-4", "2021-06-01", status="cancelled"),
        ],
    }
    publish(settings.lake, "2021", rows)
    yield settings
    get_settings.cache_clear()


def run(*arguments: str) -> str:
    done = CliRunner().invoke(export, ["meds", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def shards(folder: Path) -> int:
    return len(list(folder.glob("data/*/*.parquet")))


def test_the_command_writes_below_the_data_and_says_what_it_left_out(settings: Settings) -> None:
    output = run()
    assert "1 not_in_effect" in output
    assert (settings.data / "exports" / "meds" / "metadata" / "dataset.json").exists()


def test_folder_shards_and_splits_can_be_chosen(settings: Settings, tmp_path: Path) -> None:
    run("--out", "elsewhere", "--subjects-per-shard", "1", "--split-salt", "ehr_risk")
    assert shards(tmp_path / "elsewhere") == 3


def test_without_health_records_nothing_is_written(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDPLATFORM_DATA", str(tmp_path / "other"))
    get_settings.cache_clear()
    done = CliRunner().invoke(export, ["meds"])
    assert done.exit_code == 1
    assert "Ingest first" in done.output
    assert not (tmp_path / "other" / "exports").exists()


def test_an_error_of_the_export_is_one_line(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "occupied").mkdir()
    (tmp_path / "occupied" / "file").touch()
    monkeypatch.setattr("sys.argv", ["medplatform", "export", "meds", "--out", "occupied"])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("medplatform: ")
    assert len(error.splitlines()) == 1


def test_the_asset_says_how_much_there_is(settings: Settings) -> None:
    (asset,) = meds_assets()
    result = dg.materialize([asset], resources={"installation": Installation(settings)})
    (event,) = result.asset_materializations_for_node(asset.node_def.name)
    facts = {name: value.value for name, value in event.metadata.items()}
    files = list((settings.data / "exports" / "meds" / "data").glob("*/*.parquet"))
    assert facts["shards"] == len(files)
    assert facts["events"] == facts["dagster/row_count"] == 7
    assert facts["events"] == sum(pq.read_metadata(path).num_rows for path in files)
    assert facts["subjects"] == 3
    assert facts["codes"] == 3
    assert "not_in_effect" in str(facts["left_out"])


def test_the_asset_comes_after_every_table_that_it_reads() -> None:
    (asset,) = meds_assets()
    upstream = {dep.asset_key.path[-1] for spec in asset.specs for dep in spec.deps}
    assert upstream == {*(table.name for table in TABLE_OF.values()), "ehr_deletion", "ehr_fhir"}

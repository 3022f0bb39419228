"""The staging layer is up to date with the declarations, and every model is documented."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from medplatform.modalities import TABLES
from medplatform.warehouse.inputs import MART_INPUTS, NESTED_INPUTS
from medplatform.warehouse.runner import PROJECT
from medplatform.warehouse.staging import DELETED_PATIENT, render_files, write_files

MODELS = sorted((PROJECT / "models").rglob("*.sql"))
SEEDS = sorted((PROJECT / "seeds").glob("*.csv"))


def document(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.with_suffix(".yml").read_text())
    (node,) = content.get("models") or content["seeds"]
    return node


@pytest.mark.parametrize("path", render_files())
def test_staging_file_is_up_to_date(path: str) -> None:
    written = (PROJECT / path).read_text()
    assert written == render_files()[path], "run: python -m medplatform.warehouse.staging"


def test_every_table_has_a_staging_model_and_every_staging_model_a_table() -> None:
    models = {path.stem for path in MODELS if path.parent.name == "staging"}
    inputs = [table.name for table in (*MART_INPUTS, *NESTED_INPUTS)]
    assert models == {DELETED_PATIENT, *(f"stg_{name}" for name in (*TABLES, *inputs))}


def test_sources_lead_to_the_assets_that_fill_them() -> None:
    lake, inputs, nested = yaml.safe_load(render_files()["models/staging/sources.yml"])["sources"]
    keys = [
        source["config"]["meta"]["dagster"]["asset_key"]
        for source in (*lake["tables"], *inputs["tables"], *nested["tables"])
    ]
    marts = [["marts", table.name] for table in MART_INPUTS]
    assert keys == [*(["lake", name] for name in TABLES), *marts, ["lake", "ehr_fhir"]]


@pytest.mark.parametrize("path", [*MODELS, *SEEDS], ids=lambda path: path.stem)
def test_every_model_and_column_is_described(path: Path) -> None:
    node = document(path)
    assert node["name"] == path.stem
    assert node["description"].startswith("One row per ")
    for column in node["columns"]:
        assert column["description"].strip(), column["name"]
        assert column["data_type"], column["name"]


def test_files_are_written_only_where_they_changed(tmp_path: Path) -> None:
    (tmp_path / "models/staging").mkdir(parents=True)
    assert sorted(write_files(tmp_path)) == sorted(tmp_path / p for p in render_files())
    (tmp_path / "models/staging/sources.yml").write_text("version: 2\n")
    assert write_files(tmp_path) == [tmp_path / "models/staging/sources.yml"]
    assert write_files(tmp_path) == []

"""docs/molecules.md explains every remark on values, and its examples read a lake."""

import re
from pathlib import Path
from typing import Any

import pytest

from medplatform.modalities.molecules import MOLECULES
from medplatform.modalities.molecules.refusals import REASONS
from medplatform_tests.ingest.site import Site

TEXT = (Path(__file__).parents[3] / "docs" / "molecules.md").read_text()
READING, TRAINING = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def _lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path / "data")
    tables = {
        "first": "smiles;pIC50;class\nCCO;6,25;CA\nc1ccccc1;7,00;CI\n",
        "second": "smiles,pIC50\nOCC,6.5\n",
    }
    for name, table in tables.items():
        folder = site.landing / "molecules" / name
        folder.mkdir(parents=True)
        (folder / "t.csv").write_text(table)
        (folder / "_DONE").touch()
    assert len(site.ingest_pending(MOLECULES)) == 2
    monkeypatch.chdir(tmp_path)


def test_every_remark_on_values_is_explained() -> None:
    codes = [code for code in REASONS if code.startswith("assay.")]
    assert [code for code in codes if f"`{code}`" not in TEXT] == []


@pytest.mark.usefixtures("_lake")
def test_the_example_of_reading_has_each_value_with_its_structure() -> None:
    shown: dict[str, Any] = {}
    exec(READING, shown)
    rows = shown["values"].project("smiles, value_number").order("smiles, value_number").fetchall()
    assert rows == [("CCO", 6.25), ("CCO", 6.5), ("c1ccccc1", 7.0)]


@pytest.mark.usefixtures("_lake")
def test_the_example_of_training_has_each_molecule_once() -> None:
    shown: dict[str, Any] = {}
    exec(TRAINING, shown)
    assert shown["bits"].shape == (2, 2048)
    assert sum(map(len, shown["split"])) == 2

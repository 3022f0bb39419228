"""docs/deliveries.md names every option, outcome and unit, and its commands do what it says."""

import re
import subprocess
from pathlib import Path

from medplatform.cli.ingest import ingest
from medplatform.lake import Counts
from medplatform.modalities import MODALITIES
from medplatform.modalities.delivery import DeliveryOptions
from medplatform_tests.ingest.site import Site

DOCUMENT = Path(__file__).parents[2] / "docs" / "deliveries.md"
TEXT = DOCUMENT.read_text()


def test_every_field_of_delivery_json_stands_beside_its_option() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(--[\w-]+)` \|", TEXT, re.MULTILINE))
    assert rows.keys() == DeliveryOptions.model_fields.keys()
    assert set(rows.values()) <= {option for one in ingest.params for option in one.opts}


def test_the_example_of_a_delivery_json_can_be_used() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert DeliveryOptions.model_validate_json(example).labels == "labels.csv"


def test_every_outcome_and_unit_is_defined() -> None:
    outcomes = set(Counts.model_fields) - {"delivered"}
    assert {name for name in outcomes if f"| {name} |" not in TEXT} == set()
    units = {t.unit for m in MODALITIES.values() for t in m.tables if t.unit}
    assert {unit for unit in units if f"`{unit}`" not in TEXT} == set()


def test_a_delivery_is_removed_by_the_commands_that_it_gives(tmp_path: Path) -> None:
    site = Site(tmp_path / "data")
    for name in ("keep", "drop"):
        folder = site.landing / "toy" / name
        folder.mkdir(parents=True)
        (folder / "readings.txt").write_text(f"p1,{len(name)}\n{name},7\nno reading\n")
        (folder / "_DONE").touch()
    assert len(site.ingest_pending()) == 2
    (commands,) = re.findall(r"```sh\n( *rm .*?)```", TEXT, re.DOTALL)
    script = commands.replace("MODALITY", "toy").replace("NAME", "drop")
    script = "\n".join(line for line in script.splitlines() if "medplatform" not in line)
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=True)
    assert site.values() == [4, 7]
    assert site.waiting() == []
    assert site.lake.quarantine("toy")["delivery"].to_list() == ["keep"]
    assert not list(tmp_path.rglob("*drop*.parquet")) + list(tmp_path.rglob("delivery=drop"))

"""What Dagster shows of the mart of polygenic scores."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from medplatform.defs import warehouse
from medplatform.installation import Installation
from medplatform.modalities.genomics.features.score import SCHEMA
from medplatform.settings import Settings
from medplatform.warehouse import POLYGENIC_SCORE


def test_the_summary_is_of_those_who_have_a_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed(*_: Any) -> pl.DataFrame:
        rows = [
            ("ann", "here", 1.5, 4, 4),
            ("bea", "here", 0.0, 2, 4),
            ("cy", "here", None, 0, 4),
            *((patient, "there", None, 0, 7) for patient in ("ann", "bea", "cy")),
        ]
        return pl.DataFrame(rows, SCHEMA, orient="row")

    monkeypatch.setattr(warehouse, "write_polygenic_scores", computed)
    key = dg.AssetKey(["marts", POLYGENIC_SCORE.name])
    (score,) = (each for each in warehouse.warehouse_assets() if key in each.keys)
    done = dg.materialize(
        [score], resources={"installation": Installation(Settings(data=tmp_path))}
    )
    (event,) = done.asset_materializations_for_node("marts__polygenic_score")
    header, _, *lines = str(event.metadata["scores"].value).splitlines()
    names, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in (header, *lines)
    )
    found = {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in rows}
    assert found["here"] == {
        "patients": "2",
        "fewest matched": "2",
        "listed": "4",
        "mean share": "0.75",
    }
    assert (found["there"]["patients"], found["there"]["listed"]) == ("0", "7")
    assert found["there"]["fewest matched"] == found["there"]["mean share"]
    assert list(found) == ["here", "there"]

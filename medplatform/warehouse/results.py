"""What a dbt run did, and the step that turns tested tables into Parquet marts.

dbt builds marts as tables of the warehouse. A mart's Parquet file is replaced only after the
model was built and every test that reads it has passed, by a rename: readers see the old or the
new mart, whole, and a failing run leaves the old one.
"""

import json
import os
import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medplatform.lake.ledger import flush_folder
from medplatform.warehouse.views import connect, quote

MARTS = "marts"
_GOOD = frozenset({"success", "pass", "warn"})
# What DuckDB says about these names things of the project; other errors may quote values.
_SAFE_ERRORS = ("Binder Error", "Catalog Error", "Parser Error", "Compilation Error")
_ERROR = re.compile(r"^\s*(\w+(?: \w+)? Error)\b.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResult:
    """What became of one seed, model or test. `message` has no values of records.

    `rows` is known for published marts, `failures` (rows that break the rule) for tests.
    """

    name: str
    kind: str
    status: str
    seconds: float
    rows: int | None = None
    failures: int | None = None
    message: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it was built or has passed; a warning passes."""
        return self.status in _GOOD


@dataclass(frozen=True, slots=True)
class BuildResult:
    """All nodes of a run in the order in which they ended."""

    nodes: tuple[NodeResult, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing failed or was skipped."""
        return all(node.is_good for node in self.nodes)

    @property
    def marts(self) -> dict[str, int]:
        """Rows of each mart that this run published."""
        return {node.name: node.rows for node in self.nodes if node.rows is not None}

    @property
    def problems(self) -> tuple[NodeResult, ...]:
        """Nodes that failed (what was skipped because of them left out)."""
        return tuple(n for n in self.nodes if not n.is_good and n.status != "skipped")


def publish(target: Path, database: Path, marts: Path) -> BuildResult:
    """Publish the marts that a dbt run built and tested, and report all its nodes.

    Parameters
    ----------
    target
        dbt's target folder, with `run_results.json` and `manifest.json` of the run.
    database
        The DuckDB file.
    marts
        Where `<mart>.parquet` goes.

    Raises
    ------
    WarehouseError
        Another process writes to the database.
    """
    results = json.loads((target / "run_results.json").read_bytes())["results"]
    manifest = json.loads((target / "manifest.json").read_bytes())
    published = {name: _export(name, database, marts) for name in _publishable(results, manifest)}
    nodes = (_describe(result, manifest, published) for result in results)
    return BuildResult(tuple(nodes))


def _publishable(results: list[dict[str, Any]], manifest: dict[str, Any]) -> list[str]:
    """Names of the marts that were built in this run and of which no test failed."""
    status = {result["unique_id"]: result["status"] for result in results}
    names = []
    for unique_id, node in manifest["nodes"].items():
        is_mart = node["resource_type"] == "model" and node["config"].get("schema") == MARTS
        if is_mart and status.get(unique_id) == "success":
            tests = [c for c in manifest["child_map"][unique_id] if c.startswith("test.")]
            if all(status.get(test, "pass") in _GOOD for test in tests):
                names.append(node["name"])
    return names


def _export(name: str, database: Path, marts: Path) -> int:
    """Write one mart, sorted by its first column, and return its rows."""
    marts.mkdir(parents=True, exist_ok=True)
    draft = marts / f".{name}.parquet.draft"
    with closing(connect(database)) as connection:
        (rows,) = connection.execute(
            f"copy (select * from {MARTS}.{name} order by 1) to {quote(draft)} "
            f"(format parquet, compression zstd)"
        ).fetchall()[0]
    with draft.open("rb") as stream:
        os.fsync(stream.fileno())
    draft.replace(marts / f"{name}.parquet")
    flush_folder(marts)
    return rows


def _describe(
    result: dict[str, Any], manifest: dict[str, Any], published: dict[str, int]
) -> NodeResult:
    unique_id = result["unique_id"]
    node = manifest["nodes"].get(unique_id) or manifest["unit_tests"][unique_id]
    return NodeResult(
        name=node["name"],
        kind=node["resource_type"],
        status=result["status"],
        seconds=result["execution_time"],
        rows=published.get(node["name"]) if node["resource_type"] == "model" else None,
        failures=result["failures"],
        message=safe_message(result["status"], result["failures"], result["message"] or ""),
    )


def safe_message(status: str, failures: int | None, message: str) -> str:
    """What may be said about a node: counts and the kind of error, never a value of a record."""
    if status in ("fail", "warn"):
        return f"{failures or 0} rows break the rule"
    if status != "error":
        return ""
    match = _ERROR.search(message.partition("\n")[2]) or _ERROR.search(message)
    if match is None:
        return "dbt error"
    return match.group(0).strip() if match.group(1) in _SAFE_ERRORS else match.group(1)

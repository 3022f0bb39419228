"""Run dbt without Dagster: conversions, views, `dbt build` in a process of its own, then marts."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from medplatform.lake import Lake, Table
from medplatform.warehouse.conversions import write_ucum_conversions
from medplatform.warehouse.project import PROJECT
from medplatform.warehouse.results import BuildResult, publish
from medplatform.warehouse.view_sources import write_view_sources
from medplatform.warehouse.view_tables import ViewTables
from medplatform.warehouse.views import WarehouseError, refresh_views

RUNS_KEPT = 5
"""Runs of Dagster whose compiled SQL and results are kept."""
_PARSE = "partial_parse.msgpack"
_RUN = re.compile(r"[0-9a-f]{8}")
_LARGEST_REPORT = 10


def prepare(root: Path) -> dict[str, str]:
    """Make the folder of the warehouse and return the environment that dbt needs.

    Everything that dbt writes goes below `root` (`<data>/dbt`): the database, compiled SQL and
    logs, which are derived from patients' records.
    """
    root.mkdir(parents=True, exist_ok=True)
    return {
        "MEDPLATFORM_WAREHOUSE": str(database(root)),
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(root / "target"),
        "DBT_LOG_PATH": str(root / "logs"),
        "DBT_LOG_LEVEL_FILE": "info",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def make_run_target(root: Path, run_id: str) -> Path:
    """The folder for what dbt writes in a run of Dagster; those of the oldest runs are removed.

    It and the newest of the others are left, `RUNS_KEPT` together. What dbt itself keeps beside
    them stays.
    """
    target = root / "target" / run_id[:8]
    target.mkdir(parents=True, exist_ok=True)
    others = [
        path
        for path in target.parent.iterdir()
        if path != target and path.is_dir() and _RUN.fullmatch(path.name)
    ]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[RUNS_KEPT - 1 :]:
        shutil.rmtree(path)
    return target


def keep_parse(root: Path, target: Path) -> None:
    """Keep what dbt parsed in a run where dagster-dbt looks for it, so that the next need not."""
    parse = target / _PARSE
    if parse.exists():
        parse.replace(root / "target" / _PARSE)


def forget_parse(root: Path, project: Path = PROJECT) -> None:
    """Let dbt parse all anew unless its files are those of the last time.

    Of a project that changed it would parse the changed files alone, and forget what a properties
    file says of a singular test.
    """
    digest = sha256()
    for path in project_files(project):
        digest.update(f"{path.relative_to(project)}\n{path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    of = root / "target" / "parsed.sha256"
    if not of.exists() or of.read_text() != digest.hexdigest():
        of.parent.mkdir(parents=True, exist_ok=True)
        (of.parent / _PARSE).unlink(missing_ok=True)
        of.write_text(digest.hexdigest())


def project_files(project: Path = PROJECT) -> list[Path]:
    """What dbt reads of a project, sorted: not what it writes."""
    parts = [part for part in project.iterdir() if part.name not in ("target", "logs")]
    found = [path for part in parts for path in (part, *part.rglob("*"))]
    return sorted(path for path in found if path.suffix in {".sql", ".yml", ".csv"})


def database(root: Path) -> Path:
    """The DuckDB file of the warehouse."""
    return root / "warehouse.duckdb"


def build(
    lake: Lake,
    tables: Sequence[Table],
    *,
    root: Path,
    marts: Path,
    views: ViewTables | None = None,
    with_unit_tests: bool = False,
) -> BuildResult:
    """Build and test all models, then publish the marts whose tests passed.

    Parameters
    ----------
    lake
        Where the published files are.
    tables
        The tables of all modalities.
    root
        Folder of the warehouse, `<data>/dbt`.
    marts
        Where `<mart>.parquet` goes.
    views
        The tables of ViewDefinitions, as they were built last, for models that read them.
    with_unit_tests
        Also run the unit tests of the models, which depend on the code alone, not on the data.

    Raises
    ------
    WarehouseError
        A model or test failed, dbt could not start, or another process uses the warehouse.
        Marts without a problem of their own are published all the same.
    """
    environment = prepare(root)
    write_ucum_conversions(lake, marts)
    refresh_views(lake, tables, database(root), marts, views)
    if views:
        write_view_sources(views.files(), PROJECT)
    forget_parse(root)
    target = root / "target"
    (target / "run_results.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "--no-use-colors", "build"]
    if not with_unit_tests:
        command += ["--exclude-resource-type", "unit_test"]
    # PATH, locale and library paths of this process stay; ours win over any DBT_* of a shell.
    process = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if not (target / "run_results.json").exists():
        raise WarehouseError(
            f"dbt could not start (exit code {process.returncode}). "
            f"Its reason is at the end of {root / 'logs' / 'dbt.log'}."
        )
    result = publish(target, database(root), marts)
    if not result.is_good:
        raise WarehouseError(explain(result, root))
    return result


def explain(result: BuildResult, root: Path) -> str:
    """What went wrong, for a person: the first problems and where to look."""
    problems = result.problems
    lines = [
        f"  {node.kind} {node.name}: {node.message or node.status}"
        for node in problems[:_LARGEST_REPORT]
    ]
    if len(problems) > _LARGEST_REPORT:
        lines.append(f"  … and {len(problems) - _LARGEST_REPORT} more")
    return "\n".join(
        [
            "dbt found problems, and the marts concerned were left as they were:",
            *lines,
            f"The SQL of each is below {root / 'target' / 'run'}.",
        ]
    )

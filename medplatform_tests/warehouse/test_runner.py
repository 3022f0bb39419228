"""What runs of dbt leave behind."""

import os
from pathlib import Path

from medplatform.warehouse.runner import (
    RUNS_KEPT,
    forget_parse,
    keep_parse,
    make_run_target,
    project_files,
)


def run_ids(number: int) -> list[str]:
    return [f"{each:08x}-0000-4000-8000-000000000000" for each in range(number)]


def make_runs(root: Path, ids: list[str]) -> None:
    """Runs one second apart, each with something in its folder."""
    for second, run_id in enumerate(ids):
        folder = make_run_target(root, run_id)
        (folder / "compiled").mkdir(exist_ok=True)
        os.utime(folder, (second, second))


def test_the_newest_runs_are_kept(tmp_path: Path) -> None:
    ids = run_ids(RUNS_KEPT + 3)
    make_runs(tmp_path, ids)
    kept = sorted(path.name for path in (tmp_path / "target").iterdir())
    assert kept == [run_id[:8] for run_id in ids[-RUNS_KEPT:]]
    assert (tmp_path / "target" / kept[0] / "compiled").is_dir()


def test_a_run_that_is_tried_again_keeps_its_folder(tmp_path: Path) -> None:
    ids = run_ids(RUNS_KEPT)
    make_runs(tmp_path, ids)
    target = make_run_target(tmp_path, ids[0])
    assert (target / "compiled").is_dir()
    assert len(list((tmp_path / "target").iterdir())) == RUNS_KEPT


def test_what_dbt_keeps_beside_them_stays(tmp_path: Path) -> None:
    for name in ("compiled", "run"):
        (tmp_path / "target" / name).mkdir(parents=True)
        os.utime(tmp_path / "target" / name, (0, 0))
    (tmp_path / "target" / "manifest.json").touch()
    make_runs(tmp_path, run_ids(RUNS_KEPT + 1))
    kept = {path.name for path in (tmp_path / "target").iterdir()}
    assert {"compiled", "run", "manifest.json"} <= kept
    assert len(kept) == RUNS_KEPT + 3


def test_what_a_run_parsed_is_kept_until_a_file_of_the_project_changes(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    model = project / "models" / "mart.sql"
    model.write_text("select 1")
    kept = tmp_path / "target" / "partial_parse.msgpack"

    def run(number: int) -> None:
        forget_parse(tmp_path, project)
        assert not kept.exists()
        target = make_run_target(tmp_path, run_ids(number)[-1])
        keep_parse(tmp_path, target)  # of a run that could not even parse
        assert not kept.exists()
        (target / "partial_parse.msgpack").touch()
        keep_parse(tmp_path, target)

    run(1)
    os.utime(model, (0, 0))
    forget_parse(tmp_path, project)
    assert kept.exists()
    model.write_text("select 2")
    os.utime(model, (0, 0))
    run(2)
    model.rename(project / "models" / "other.sql")
    run(3)
    (project / "target").mkdir()
    (project / "target" / "compiled.sql").touch()
    forget_parse(tmp_path, project)
    assert kept.exists()
    assert project_files(project) == [project / "models" / "other.sql"]

"""The folder of a run holds all of it, whatever happens to the process."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medplatform.training.tracking import (
    RunInProgress,
    RunLog,
    read_metrics,
    read_record,
    settle_record,
)

KEY = "k" * 64


def open_log(models: Path, key: str = KEY) -> RunLog:
    return RunLog.open(
        models,
        recipe="ehr_risk",
        key=key,
        dataset_digest="d" * 64,
        dataset_rows=3,
        params={"epochs": 2, "hidden_sizes": [4]},
        tags={"medplatform.recipe": "ehr_risk"},
    )


def test_a_run_is_on_disk_from_the_start(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        record = read_record(log.folder)
        assert record is not None and record.status == "RUNNING"
        assert record.params == {"epochs": "2", "hidden_sizes": "[4]"}
        assert record.tags["medplatform.run_key"] == log.folder.name
        log.close("FINISHED")


def test_a_name_can_be_said(tmp_path: Path) -> None:
    with open_log(tmp_path) as first, open_log(tmp_path, "x" * 64) as second:
        assert first.record.name == "ehr_risk dddddd run 1"
        assert second.record.name == "ehr_risk dddddd run 2"


def test_two_processes_never_train_the_same(tmp_path: Path) -> None:
    with open_log(tmp_path), pytest.raises(RunInProgress, match="already being trained"):
        open_log(tmp_path)


@pytest.mark.parametrize(
    ("error", "status"), [(SystemExit(143), "KILLED"), (RuntimeError("boom"), "FAILED")]
)
def test_how_a_run_ended_is_recorded(tmp_path: Path, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), open_log(tmp_path) as log:
        raise error
    record = read_record(log.folder)
    assert record is not None and record.status == status and record.ended_ms


def test_an_unfinished_run_goes_on_and_a_finished_one_does_not(tmp_path: Path) -> None:
    with pytest.raises(SystemExit), open_log(tmp_path) as killed:
        killed.log_metrics(1, {"loss": 1.0})
        raise SystemExit
    with open_log(tmp_path) as resumed:
        assert resumed.folder == killed.folder
        assert resumed.record.name == killed.record.name
        assert resumed.record.started_ms == killed.record.started_ms
        resumed.close("FINISHED")
    with open_log(tmp_path) as again:
        assert again.folder != killed.folder


def test_a_step_is_logged_once(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        log.log_metrics(1, {"loss": 1.0})
    with open_log(tmp_path) as resumed:
        resumed.log_metrics(1, {"loss": 1.0})
        resumed.log_metrics(2, {"loss": 0.5, "auroc": float("nan")})
    lines, _ = read_metrics(resumed.metrics_file)
    assert [(line["step"], line["metrics"]) for line in lines] == [
        (1, {"loss": 1.0}),
        (2, {"loss": 0.5}),
    ]


def test_half_a_line_of_a_killed_process_is_dropped(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        log.log_metrics(1, {"loss": 1.0})
        with log.metrics_file.open("a") as stream:
            stream.write('{"step": 2, "tim')
    with open_log(tmp_path) as resumed:
        resumed.log_metrics(2, {"loss": 0.5})
    content = resumed.metrics_file.read_text().splitlines()
    assert [json.loads(line)["step"] for line in content] == [1, 2]


def test_a_run_whose_process_is_gone_was_killed(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from medplatform_tests.training.test_tracking import open_log
log = open_log(Path({str(tmp_path)!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], timeout=120, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    (folder,) = (tmp_path / "ehr_risk" / "runs").iterdir()
    assert read_record(folder).status == "RUNNING"  # pyright: ignore[reportOptionalMemberAccess]
    assert settle_record(folder).status == "KILLED"  # pyright: ignore[reportOptionalMemberAccess]


def test_a_run_that_lives_is_left_alone(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        assert settle_record(log.folder) is None
        assert read_record(log.folder).status == "RUNNING"  # pyright: ignore[reportOptionalMemberAccess]

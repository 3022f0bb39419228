"""`medplatform demo`: the whole platform on a synthetic cohort, once through.

It runs the same jobs that the schedule and the UI run, in the same Dagster instance, so that all
of its history is there to look at afterwards. Then it does what people do: one approves a model,
one trains a poor one, one hands in broken deliveries.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from medplatform.cli.summary import print_summary
from medplatform.cli.terminal import progress_bars
from medplatform.installation import Installation
from medplatform.privacy import create_key
from medplatform.services import instance_environment, prepare_home
from medplatform.settings import Settings
from medplatform.synthetic import write_bad_deliveries, write_cohort
from medplatform.synthetic.demo import BROKEN, DELIVERY, IDENTIFIER_SYSTEM, MASTER_KEY
from medplatform.training.recipes import RECIPES

REVIEWER = "demo reviewer"

_POOR = (
    "  Poor on purpose: it sees the data once (1 epoch) and learns next to nothing from them\n"
    "  (learning rate 0.0001). Its failed checks and its red run in Dagster are what is shown here."
)
_BROKEN_ON_PURPOSE = (
    "  Their red run and failed checks in Dagster are what is shown here, too. bad-empty holds no\n"
    "  file, so there is nothing to read or refuse: it waits in landing for its files."
)
# "… - ingest_ehr - STEP_SUCCESS - Finished execution of step "ingest_ehr" in 41.2s."
_ENDED = re.compile(r" - STEP_(SUCCESS|FAILURE) - .*?step \"([^\"]+)\"(?: in ([\dhms.]*[hms]))?")

Report = Callable[[str, int, int], None]


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why and what to do."""


def run_demo(settings: Settings, *, patients: int, imaging_patients: int, seed: int) -> None:
    """Run everything and print the summary. Running it again adds nothing that is there."""
    settings = settings.model_copy(update={"patient_identifier_system": IDENTIFIER_SYSTEM})
    installation = Installation(settings)
    started = time.monotonic()
    with _phase("Synthetic cohort") as report:
        _prepare(settings, patients, imaging_patients, seed, report)
    with _phase("Read, build, freeze, train, judge") as report:
        _run_job(settings, "refresh", report)
    with _phase("A second person signs the verdicts that pass") as report:
        signed = _sign(installation)
        _run_job(settings, "promote", report)
    if "ehr_risk" in signed:
        with _phase("A poor model is trained and refused") as report:
            click.echo(_POOR)
            _run_job(settings, "train_ehr_risk", report, _poor_training(), expect_success=False)
    with _phase("Broken deliveries are refused") as report:
        if not list(settings.landing.glob(f"*/{BROKEN}*")):
            write_bad_deliveries(settings.landing, identifier_system=IDENTIFIER_SYSTEM, seed=seed)
        click.echo(_BROKEN_ON_PURPOSE)
        _run_job(settings, "ingest", report, expect_success=False)
    _print_result(installation, time.monotonic() - started)


def _prepare(
    settings: Settings, patients: int, imaging_patients: int, seed: int, report: Report
) -> None:
    names = {path.name for path in settings.landing.glob("*/*")}
    if any(name != DELIVERY and not name.startswith(BROKEN) for name in names):
        raise DemoError(
            f"{settings.landing} holds deliveries of your own, and the demo does not mix made-up "
            f"patients with them. Give it a folder: MEDPLATFORM_DATA=demo medplatform demo"
        )
    prepare_home(settings)
    if not settings.master_key.exists():
        create_key(settings.master_key, settings.vault, MASTER_KEY)
        click.echo(
            f"  The master key of the demo was written: {settings.master_key}. Everybody knows it, "
            f"so it serves made-up patients alone.\n"
            f"  A real installation makes its own: medplatform key create"
        )
    if not (settings.landing / "ehr" / DELIVERY).exists():
        write_cohort(
            settings.landing,
            settings.reference,
            delivery=DELIVERY,
            patients=patients,
            imaging_patients=imaging_patients,
            seed=seed,
            identifier_system=IDENTIFIER_SYSTEM,
            progress=report,
        )


def _sign(installation: Installation) -> list[str]:
    """Approve every challenger, as a person who is not the trainer."""
    from medplatform.registry import approve

    signed = []
    for recipe in RECIPES.values():
        version = installation.registry.history(recipe.name).challenger
        if version is not None:
            approve(
                installation.registry,
                recipe,
                version,
                approver=REVIEWER,
                role="clinical reviewer",
                reason="Demonstration: the report was read and the verdict is PASS.",
            )
            click.echo(f"  {recipe.name} version {version} was approved by: {REVIEWER}")
            signed.append(recipe.name)
    return signed


def _poor_training() -> dict[str, Any]:
    """Run config of a training that stops far too early."""
    debug = RECIPES["ehr_risk"].debug.model_dump(mode="json")
    poor = {**debug, "epochs": 1, "learning_rate": 1e-4, "seed": 1}
    return {"ops": {"models__ehr_risk_candidate": {"config": poor}}}


def _run_job(
    settings: Settings,
    job: str,
    report: Report,
    run_config: Mapping[str, Any] | None = None,
    *,
    expect_success: bool = True,
) -> None:
    """Run a job of the code location to its end, showing which steps are done.

    Raises
    ------
    DemoError
        It failed where that is not part of the demonstration.
    """
    log = settings.dagster_home / f"demo-{job}.log"
    command = [_dagster(), "job", "execute", "-m", "medplatform.definitions", "-j", job]
    command += ["--tags", json.dumps({"medplatform/demo": "true"})]
    if run_config:
        config_file = settings.dagster_home / f"demo-{job}.json"
        config_file.write_text(json.dumps(run_config))
        command += ["--config", str(config_file)]
    environment = {**os.environ, **instance_environment(settings), "PYTHONWARNINGS": "ignore"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _watch(process, log, report)
    if process.returncode != 0 and expect_success:
        raise DemoError(
            f"The job {job} failed; its log is {log}. Look at the run with: medplatform dev"
        )


def _watch(process: subprocess.Popen[bytes], log: Path, report: Report) -> None:
    """Tell of each step that ends, from the log of a run, until its process ends."""
    told = 0
    while True:
        has_ended = process.poll() is not None
        text = log.read_text(errors="replace")
        ended = _ENDED.findall(text)
        for outcome, step, seconds in ended[told:]:
            name = step.replace("__", "/")
            click.echo(f"  {name}: {f'done in {seconds}' if outcome == 'SUCCESS' else 'failed'}")
        told = len(ended)
        started = text.count(" - STEP_WORKER_STARTING - ")
        if started:
            report("steps", told, max(started, told + 1))
        if has_ended:
            return
        time.sleep(0.5)


@contextmanager
def _phase(title: str) -> Iterator[Report]:
    click.secho(title, bold=True)
    begun = time.monotonic()
    with progress_bars() as report:
        yield report
    click.echo(f"  done in {time.monotonic() - begun:.0f} s")


def _dagster() -> str:
    return str(Path(sys.executable).with_name("dagster"))


def _print_result(installation: Installation, seconds: float) -> None:
    click.echo()
    print_summary(installation)
    click.echo(f"\nThe demo took {seconds:.0f} s. Look at it with:\n")
    click.echo(
        "    make dev    # Dagster on http://127.0.0.1:3000, MLflow on http://127.0.0.1:5000"
    )

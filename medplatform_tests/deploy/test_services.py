"""The whole deployment as processes of this machine, with a real PostgreSQL."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from medplatform.synthetic import write_cohort
from medplatform_tests.deploy.compose import ROOT, load_compose
from medplatform_tests.deploy.deployment import Deployment
from medplatform_tests.deploy.postgres import (
    PASSWORD,
    USER,
    Postgres,
    postgres_programs,
    running_postgres,
)

# About a minute on two idle cores, most of it start-up; several times that on busy ones.
pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

IDENTIFIER_SYSTEM = "https://hospital.example/mrn"
LOCATION = {"repositoryLocationName": "medplatform", "repositoryName": "__repository__"}
TICKS = """
query ($selector: ScheduleSelector!) {
  scheduleOrError(scheduleSelector: $selector) {
    ... on Schedule { scheduleState { id status ticks(limit: 5) { status skipReason } } }
  }
}
"""
SENSOR = """
query ($selector: SensorSelector!) {
  sensorOrError(sensorSelector: $selector) { ... on Sensor { sensorState { id status } } }
}
"""
STOP = """
mutation ($schedule: String!, $sensor: String!) {
  stopRunningSchedule(id: $schedule) { __typename }
  stopSensor(id: $sensor) { __typename }
}
"""
LAUNCH = """
mutation ($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, runConfigData: "{}"}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
STATUS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: make system-packages")
    with running_postgres(programs) as server:
        server.run_script(ROOT / "medplatform" / "deploy" / "databases.sql")
        yield server


@pytest.fixture(scope="module")
def deployment(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    compose = load_compose("docker-compose.yml", {"POSTGRES_PASSWORD": PASSWORD})
    running = Deployment(compose, postgres, tmp_path_factory.mktemp("deployment"))
    try:
        running.start(
            {
                "MEDPLATFORM_NIGHTLY_CRON": "* * * * *",
                "MEDPLATFORM_PATIENT_IDENTIFIER_SYSTEM": IDENTIFIER_SYSTEM,
            }
        )
        yield running
    finally:
        running.stop()


def ask(deployment: Deployment, query: str, **variables: Any) -> dict[str, Any]:
    """The answer of the Dagster UI's GraphQL interface."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    url = deployment.addresses["webserver"] + "/graphql"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        answer = json.load(reply)
    assert "errors" not in answer, answer
    return answer["data"]


def rows(postgres: Postgres, query: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(
        host="127.0.0.1", port=postgres.port, user=USER, password=PASSWORD, dbname="dagster"
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(query)
        found = cursor.fetchall()
    connection.close()
    return found


def put_artifact(deployment: Deployment, name: str, host: str) -> None:
    url = f"{deployment.addresses['mlflow']}/api/2.0/mlflow-artifacts/artifacts/{name}"
    request = urllib.request.Request(url, b"weights", {"Host": host}, method="PUT")
    urllib.request.urlopen(request, timeout=30).close()


@pytest.mark.parametrize("name", ["postgres", "mlflow", "code-server", "webserver", "daemon"])
def test_the_health_check_of_each_service_passes(name: str, deployment: Deployment) -> None:
    result = deployment.check_health(name)
    assert result.returncode == 0, result.stderr.decode()


def test_mlflow_keeps_what_other_containers_upload(deployment: Deployment) -> None:
    put_artifact(deployment, "model.bin", "mlflow:5000")
    assert (deployment.data / "mlflow/artifacts/model.bin").read_bytes() == b"weights"


def test_mlflow_refuses_requests_under_a_foreign_name(deployment: Deployment) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        put_artifact(deployment, "stolen.bin", "attacker.example")


def test_the_nightly_schedule_ticks_and_skips_where_nothing_is_new(deployment: Deployment) -> None:
    selector = LOCATION | {"scheduleName": "nightly"}

    def state() -> dict[str, Any]:
        return ask(deployment, TICKS, selector=selector)["scheduleOrError"]["scheduleState"]

    def finished() -> list[dict[str, Any]]:
        return [tick for tick in state()["ticks"] if tick["status"] != "STARTED"]

    assert state()["status"] == "RUNNING"
    deployment.wait_for("daemon", lambda: bool(finished()))
    tick = finished()[0]
    assert tick["status"] == "SKIPPED"
    assert "No new delivery" in tick["skipReason"]


def test_a_run_reads_a_delivery_and_is_recorded_in_postgresql(
    deployment: Deployment, postgres: Postgres
) -> None:
    stop_automation(deployment)
    deployment.call("key", "create")
    write_cohort(
        deployment.data / "landing",
        deployment.data / "reference",
        delivery="first",
        patients=4,
        imaging_patients=0,
        seed=1,
        identifier_system=IDENTIFIER_SYSTEM,
    )
    launched = ask(deployment, LAUNCH, selector=LOCATION | {"jobName": "ingest"})["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run = launched["run"]["runId"]

    def status() -> str:
        return ask(deployment, STATUS, run=run)["runOrError"]["status"]

    deployment.wait_for("code-server", lambda: status() in ("SUCCESS", "FAILURE", "CANCELED"))
    assert status() == "SUCCESS"
    assert rows(postgres, f"SELECT status FROM runs WHERE run_id = '{run}'") == [("SUCCESS",)]
    assert list((deployment.data / "lake" / "ehr_patient").rglob("*.parquet"))
    assert not list(Path(deployment.data, "dagster").rglob("*.db"))


def stop_automation(deployment: Deployment) -> None:
    """Switch schedule and sensor off, so that they start no second run."""
    schedule = ask(deployment, TICKS, selector=LOCATION | {"scheduleName": "nightly"})
    sensor = ask(deployment, SENSOR, selector=LOCATION | {"sensorName": "new_deliveries"})
    assert sensor["sensorOrError"]["sensorState"]["status"] == "RUNNING"
    ask(
        deployment,
        STOP,
        schedule=schedule["scheduleOrError"]["scheduleState"]["id"],
        sensor=sensor["sensorOrError"]["sensorState"]["id"],
    )

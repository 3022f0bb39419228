"""Running services in the foreground: readiness, failures, and that nothing outlives it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medplatform.services import Service, ServiceError, foreground, run_services
from medplatform.settings import Settings

# Answers /health like MLflow, from a process of its own like the workers of a real server.
ANSWER = """
import subprocess, sys
worker = subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"])
open("worker.pid", "w").write(str(worker.pid))
worker.wait()
"""
ANSWER_ALONE = """
import os, sys
open("worker.pid", "w").write(str(os.getpid()))
server = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"]
os.execv(sys.executable, server)
"""
SLEEP = "import time; time.sleep(99)"
DIE = 'print("the reason"); raise SystemExit(3)'


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "health").write_text("OK")
    monkeypatch.chdir(tmp_path)
    return Settings(_env_file=None, data=tmp_path / "data")  # pyright: ignore[reportCallIssue]


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def pretend(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let a small program stand for MLflow."""

    def command(name, settings, *, host, port):
        return [sys.executable, "-c", program.format(port=port)], {}

    monkeypatch.setattr(foreground, "service_command", command)


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_alive(pid)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_tells_the_address_when_ready_and_stops_everything_on_a_signal(
    how: signal.Signals, settings: Settings, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, ANSWER)
    seen: list[tuple[dict, bool]] = []

    def on_ready(addresses) -> None:
        seen.append((addresses, is_alive(int(Path("worker.pid").read_text()))))
        os.kill(os.getpid(), how)

    before = signal.getsignal(how)
    run_services(["mlflow"], settings, on_ready, ports={"mlflow": port})
    assert seen == [({"mlflow": f"http://127.0.0.1:{port}"}, True)]
    assert wait_until_gone(int(Path("worker.pid").read_text()))
    assert signal.getsignal(how) is before


def test_a_service_that_dies_is_named_with_the_end_of_its_log(
    settings: Settings, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, DIE)
    with pytest.raises(ServiceError, match=r"mlflow stopped by itself \(exit status 3\)") as error:
        run_services(["mlflow"], settings, lambda _: None, ports={"mlflow": port})
    assert "the reason" in str(error.value)
    assert str(settings.dagster_home / "services" / "mlflow.log") in str(error.value)


def test_a_service_that_never_answers_is_stopped(
    settings: Settings, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, SLEEP)
    monkeypatch.setattr(foreground, "_READY_WITHIN_S", 1.0)
    before = children()
    with pytest.raises(ServiceError, match="did not answer within 1 s"):
        run_services(["mlflow"], settings, lambda _: None, ports={"mlflow": port})
    assert children() == before


@pytest.mark.parametrize(
    ("service", "option"),
    [
        ("mlflow", "--mlflow-port"),
        ("webserver", "--port"),
        ("code-server", "MEDPLATFORM_CODE_SERVER"),
    ],
)
def test_a_taken_port_is_an_error_before_anything_starts(
    service: Service, option: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, 'open("started", "w")')
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=f"cannot listen on 127.0.0.1:{port}.*{option}"):
            run_services([service], settings, lambda _: None, ports={service: port})
    assert not Path("started").exists()


def test_services_do_not_outlive_a_killed_parent(settings: Settings, port: int) -> None:
    program = f"""
import sys
from medplatform.services import foreground, run_services
from medplatform.settings import Settings
foreground.service_command = lambda *_, port, **__: (
    [sys.executable, "-c", {ANSWER_ALONE!r}.format(port=port)], {{}})
run_services(["mlflow"], Settings(_env_file=None, data={str(settings.data)!r}),
             lambda _: print("ready", flush=True), ports={{"mlflow": {port}}})
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        parent.kill()
    assert wait_until_gone(int(Path("worker.pid").read_text()))

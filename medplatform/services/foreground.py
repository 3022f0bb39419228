"""Run several services in the foreground: start in order, wait for health, stop together."""

import ctypes
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from medplatform.services.command import LOOPBACK, Service, default_port, service_command
from medplatform.services.health import is_ready
from medplatform.services.home import ServiceError, prepare_home
from medplatform.settings import Settings

EVERYWHERE = "0.0.0.0"
# First what the others need: webserver and daemon ask the code server at once.
_STAGES: tuple[tuple[Service, ...], ...] = (("code-server", "mlflow"), ("webserver", "daemon"))
# Loading the code location takes about 10 s on two idle cores, several times that on busy ones.
_READY_WITHIN_S = 300.0
# Dagster marks its running runs as failed within this time; what still lives is killed.
_STOP_WITHIN_S = 20.0
_LOG_TAIL_BYTES = 2000
_PORT_OPTIONS: dict[Service, str] = {
    "code-server": "MEDPLATFORM_CODE_SERVER=127.0.0.1:PORT",
    "webserver": "--port",
    "mlflow": "--mlflow-port",
}


@dataclass(frozen=True)
class _Running:
    name: Service
    process: subprocess.Popen[bytes]
    log: Path
    address: str


def link_settings(settings: Settings, host: str, ports: Mapping[Service, int]) -> Settings:
    """Settings whose links lead to the UIs on these ports, unless an address was set by name."""
    fields: dict[Service, str] = {"webserver": "dagster_ui_url", "mlflow": "mlflow_ui_url"}
    links = {
        fields[name]: f"http://{_reachable(host)}:{port}"
        for name, port in ports.items()
        if name in fields and fields[name] not in settings.model_fields_set
    }
    return settings.model_copy(update=links)


def run_services(
    names: Sequence[Service],
    settings: Settings,
    on_ready: Callable[[dict[Service, str]], None],
    *,
    host: str = LOOPBACK,
    ports: Mapping[Service, int] | None = None,
) -> None:
    """Run services as children of this process until it is interrupted or terminated.

    What they print goes to `<DAGSTER_HOME>/services/<name>.log`. None outlives this process.

    Parameters
    ----------
    names
        Which services; webserver and daemon start when the code server is ready.
    settings
        The installation they belong to.
    on_ready
        Called once, when all of them answer, with the address of each that has one.
    host
        Address on which webserver and MLflow listen; the code server stays on loopback.
    ports
        Ports other than `default_port`.

    Raises
    ------
    ServiceError
        A port is taken, or a service did not become ready or stopped by itself. All others have
        been stopped by then.
    """
    home = prepare_home(settings)
    given = dict(ports or {})
    if "code-server" in given:
        settings = settings.model_copy(update={"code_server": f"{LOOPBACK}:{given['code-server']}"})
    running: list[_Running] = []
    with _stop_signal() as stop:
        try:
            for stage in _STAGES:
                for name in stage:
                    if name in names:
                        # Whoever reaches the code server can run code: it is never opened.
                        listen = LOOPBACK if name == "code-server" else host
                        port = given.get(name, default_port(name, settings))
                        running.append(_start(name, settings, home, listen, port))
                _wait_until_ready(running, stop)
            if not stop.is_set():
                on_ready({one.name: one.address for one in running if one.name != "daemon"})
            while not stop.wait(0.5):
                _demand_alive(running)
        finally:
            _stop(running)


def _start(name: Service, settings: Settings, home: Path, host: str, port: int) -> _Running:
    if name != "daemon":
        _demand_free(name, host, port)
    argv, environment = service_command(name, settings, host=host, port=port)
    log = home / "services" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    address = f"{_reachable(host)}:{port}"
    return _Running(name, process, log, address if name == "code-server" else f"http://{address}")


def _reachable(host: str) -> str:
    return LOOPBACK if host == EVERYWHERE else host


def _die_with_parent() -> None:
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _demand_free(name: Service, host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServiceError(
                f"{name} cannot listen on {host}:{port} ({error.strerror}). Stop what uses that "
                f"port or choose another one with {_PORT_OPTIONS[name]}."
            ) from None


def _demand_alive(running: Sequence[_Running]) -> None:
    for one in running:
        code = one.process.poll()
        if code is not None:
            tail = one.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
            raise ServiceError(
                f"{one.name} stopped by itself (exit status {code}). Its log, {one.log}, ends:\n"
                + tail
            )


def _wait_until_ready(running: Sequence[_Running], stop: threading.Event) -> None:
    addresses: dict[Service, str] = {one.name: one.address for one in running}
    pending = list(running)
    deadline = time.monotonic() + _READY_WITHIN_S
    while pending and not stop.wait(0.2):
        _demand_alive(running)
        pending = [one for one in pending if not is_ready(one.name, addresses)]
        if pending and time.monotonic() > deadline:
            raise ServiceError(
                f"{pending[0].name} did not answer within {_READY_WITHIN_S:.0f} s; "
                f"see {pending[0].log}."
            )


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """An event that SIGINT, SIGTERM and SIGHUP set while the context lasts."""
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()

    previous = {
        number: signal.signal(number, note)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _stop(running: Sequence[_Running]) -> None:
    """End the services in reverse order of their start, with all that they started."""
    for one in reversed(running):
        _signal_group(one.process.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_WITHIN_S
    for one in running:
        with suppress(subprocess.TimeoutExpired):
            one.process.wait(max(0.0, deadline - time.monotonic()))
        _signal_group(one.process.pid, signal.SIGKILL)
        one.process.wait()


def _signal_group(leader: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, number)

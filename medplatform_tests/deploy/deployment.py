"""The services of docker-compose.yml as processes of this machine.

Each runs the command and the environment that its container would get; only what containers
bring along is replaced: host names, ports and the folder `/data`.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from medplatform.services.health import is_ready
from medplatform_tests.deploy.compose import Compose, Service
from medplatform_tests.deploy.postgres import Postgres, free_port

READY_WITHIN_S = 240.0
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")


class Deployment:
    """Starts services in the order of their dependencies and stops them at the end."""

    def __init__(self, compose: Compose, postgres: Postgres, folder: Path) -> None:
        self.compose = compose
        self.data = folder / "data"
        self._folder = folder
        self._postgres = postgres
        self._ports = {name: free_port() for name in ("mlflow", "code-server", "webserver")}
        self._logs = ExitStack()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def addresses(self) -> dict[str, str]:
        """Where the services answer: URLs, HOST:PORT for the code server."""
        return {
            name: f"{'' if name == 'code-server' else 'http://'}127.0.0.1:{port}"
            for name, port in self._ports.items()
        }

    def start(self, extra: Mapping[str, str]) -> None:
        """Start all services, each when those that it depends on are ready."""
        waiting = {name: one for name, one in self.compose.services.items() if one.build}
        while waiting:
            ready = [
                name for name, one in waiting.items() if not set(one.depends_on) & set(waiting)
            ]
            for name in ready:
                self._start(name, waiting.pop(name), extra)
            for name in ready:
                self.wait_for(name, lambda name=name: is_ready(name, self.addresses))  # pyright: ignore[reportArgumentType]

    def _start(self, name: str, service: Service, extra: Mapping[str, str]) -> None:
        log = self._logs.enter_context((self._folder / f"{name}.log").open("wb"))
        self.processes[name] = subprocess.Popen(
            [self._program(service.command[0]), *map(self._localise, service.command[1:])],
            env={**self.environment(name), **extra},
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_for(self, name: str, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; fail with the log of the service when it does not."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not condition():
            alive = all(one.poll() is None for one in self.processes.values())
            if not alive or time.monotonic() > deadline:
                log = (self._folder / f"{name}.log").read_text(errors="replace")
                raise AssertionError(f"{name} did not get there; its log ends:\n{log[-3000:]}")
            time.sleep(0.3)

    def environment(self, name: str) -> dict[str, str]:
        """What the container of a service would find in its environment."""
        given = {
            key: value if key == "MLFLOW_SERVER_ALLOWED_HOSTS" else self._localise(value)
            for key, value in self.compose.services[name].environment.items()
            if value is not None
        }
        inherited = {key: os.environ[key] for key in INHERITED if key in os.environ}
        image = {"DAGSTER_HOME": str(self.data / "dagster")}
        return inherited | image | given

    def check_health(self, name: str) -> subprocess.CompletedProcess[bytes]:
        """Run the health check of a service as the container engine does."""
        check = self.compose.services[name].healthcheck
        assert check is not None
        program, *arguments = check.test[1:]
        return subprocess.run(
            [self._program(program), *map(self._localise, arguments)],
            env=self.environment(name) | {"PGPORT": str(self._postgres.port)},
            cwd=self._folder,
            capture_output=True,
        )

    def call(self, *arguments: str) -> None:
        """Run `medplatform …` in the container of the code server."""
        command = [self._program("medplatform"), *arguments]
        environment = self.environment("code-server")
        subprocess.run(command, env=environment, cwd=self._folder, check=True, capture_output=True)

    def stop(self) -> None:
        """Stop all services as the container engine does."""
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._logs.close()

    def _program(self, name: str) -> str:
        own = Path(sys.executable).with_name(name)
        return str(own if own.exists() else self._postgres.programs / name)

    def _localise(self, text: str) -> str:
        here = {
            "postgres:5432": f"127.0.0.1:{self._postgres.port}",
            "mlflow:5000": f"127.0.0.1:{self._ports['mlflow']}",
            "127.0.0.1:5000": f"127.0.0.1:{self._ports['mlflow']}",
            "127.0.0.1:3000": f"127.0.0.1:{self._ports['webserver']}",
            "code-server:4000": f"127.0.0.1:{self._ports['code-server']}",
            "0.0.0.0": "127.0.0.1",
        }
        ports = {
            "5000": str(self._ports["mlflow"]),
            "4000": str(self._ports["code-server"]),
            "3000": str(self._ports["webserver"]),
        }
        if text in ports:
            return ports[text]
        text = re.sub(r"^/data\b", str(self.data), text)
        for there, local in here.items():
            text = text.replace(there, local)
        return text

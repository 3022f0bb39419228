"""A PostgreSQL server of its own, as long as a test needs it."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER = "medplatform"
PASSWORD = "test-only"


@dataclass(frozen=True)
class Postgres:
    """A running server on loopback, with the role of docker-compose.yml."""

    programs: Path
    port: int

    def run_script(self, path: Path) -> None:
        """Run a file of SQL statements as the container does with its init scripts."""
        psql = [self.programs / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        address = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"
        subprocess.run([*psql, "--file", path, address], check=True, capture_output=True)


def postgres_programs() -> Path | None:
    """Folder with `initdb` and `pg_ctl`, or None where PostgreSQL is not installed."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((path for path in candidates if (path / "pg_ctl").exists()), None)


@contextmanager
def running_postgres(programs: Path) -> Iterator[Postgres]:
    """Initialise and start a server on a free port; stop it and delete its files at the end."""
    # PostgreSQL refuses to run as root, and its user must be able to enter the folder.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="medplatform-postgres-") as name:
        folder = Path(name)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if user:
            for path in (folder, secret):
                shutil.chown(path, user)

        def run(program: str, *arguments: object) -> None:
            subprocess.run(
                [programs / program, *map(str, arguments)],
                check=True,
                cwd=folder,
                user=user,
                stdout=subprocess.DEVNULL,
            )

        data = folder / "data"
        port = free_port()
        run("initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-N")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield Postgres(programs, port)
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

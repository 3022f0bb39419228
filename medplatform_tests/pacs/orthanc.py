"""A real PACS: Orthanc with its DICOMweb plugin, on loopback, for as long as a module's tests."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

PROGRAM = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
PLUGINS = Path("/usr/share/orthanc/plugins")
USER, PASSWORD = "reader", "pass word:ä"


class Orthanc:
    """One server. `receiver_port` is where it sends what is moved to `MEDPLATFORM`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.http_port, self.dicom_port, self.receiver_port = free_ports(3)
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.http_port}", auth=(USER, PASSWORD), trust_env=False
        )

    @property
    def dicomweb(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    def store(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self.http.post("/instances", content=path.read_bytes()).raise_for_status()

    def clear(self) -> None:
        for patient in self.http.get("/patients").json():
            self.http.delete(f"/patients/{patient}").raise_for_status()

    def configuration(self) -> dict[str, object]:
        return {
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD},
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "UnknownSopClassAccepted": True,
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "DicomModalities": {"platform": ["MEDPLATFORM", "127.0.0.1", self.receiver_port]},
            "Plugins": [str(PLUGINS / "libOrthancDicomWeb.so")],
            "DicomWeb": {"Root": "/dicom-web/"},
        }

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            try:
                self.http.get("/system").raise_for_status()
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError((self.folder / "log.txt").read_text()[-2000:])


@contextmanager
def running_orthanc(folder: Path) -> Iterator[Orthanc]:
    """Start it, wait until it answers, stop it. Skips the tests where it is not installed."""
    if PROGRAM is None or not (PLUGINS / "libOrthancDicomWeb.so").exists():
        pytest.skip("Orthanc with its DICOMweb plugin is not installed: make system-packages")
    folder.mkdir(parents=True)
    server = Orthanc(folder)
    configuration = folder / "orthanc.json"
    configuration.write_text(json.dumps(server.configuration()))
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen([PROGRAM, str(configuration)], stdout=log, stderr=log)
    try:
        server.wait(process)
        yield server
    finally:
        server.http.close()
        process.kill()  # its orderly end takes seconds
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()

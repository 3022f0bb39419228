"""What the tests of a PACS share."""

from collections.abc import Iterator
from pathlib import Path
from socketserver import BaseServer

import pytest

from medplatform_tests.pacs.network import private_network
from medplatform_tests.pacs.orthanc import Orthanc, running_orthanc
from medplatform_tests.pacs.server import DicomWebServer
from medplatform_tests.pacs.site import Site


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers notice soon that they are stopped, and that a delivery is due."""
    monkeypatch.setattr(BaseServer.serve_forever, "__defaults__", (0.01,))
    monkeypatch.setattr("medplatform.pacs.dimse.receive._POLL_S", 0.01)


@pytest.fixture(scope="module")
def orthanc_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    # Its DICOM port listens on every address of the machine, so it gets a machine without any.
    with private_network(), running_orthanc(tmp_path_factory.mktemp("pacs") / "orthanc") as server:
        yield server


@pytest.fixture
def orthanc(orthanc_of_module: Orthanc) -> Orthanc:
    """A PACS without images."""
    orthanc_of_module.clear()
    return orthanc_of_module


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def server() -> Iterator[DicomWebServer]:
    server = DicomWebServer()
    yield server
    server.close()


@pytest.fixture
def other() -> Iterator[DicomWebServer]:
    """Another server, at another port."""
    server = DicomWebServer()
    yield server
    server.close()

"""What the tests of exports share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from medplatform.bulk_export import Credentials, create_key, public_keys
from medplatform_tests.bulk_export.server import BulkServer
from medplatform_tests.bulk_export.site import Site


@pytest.fixture
def server() -> Iterator[BulkServer]:
    server = BulkServer()
    yield server
    server.close()


@pytest.fixture
def other() -> Iterator[BulkServer]:
    """Another server, at another port."""
    server = BulkServer()
    yield server
    server.close()


@pytest.fixture
def site(tmp_path: Path, server: BulkServer) -> Site:
    return Site(tmp_path, server.base_url)


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "client.jwk"
    create_key(path, "ES384")
    return path


@pytest.fixture
def credentials(server: BulkServer, key_file: Path) -> Credentials:
    """Those of a client that the server knows; it now demands tokens."""
    server.is_secure = True
    server.register("platform", public_keys(key_file))
    return Credentials(client_id="platform", key_file=key_file)

"""How the servers are reached: trusted certificates, a proxy, and nothing from the environment."""

import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from medplatform.bulk_export import CertificateRefused, ServerUnavailable
from medplatform_tests.bulk_export.server import BulkServer
from medplatform_tests.bulk_export.site import HASTY, Site, ndjson


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hospital")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    return write_certificate(tmp_path)[0]


@pytest.fixture
def tls_server(tmp_path: Path, ca_file: Path) -> Iterator[BulkServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, tmp_path / "key.pem")
    server = BulkServer(tls=context)
    server.publish({"output": [server.add("Patient-1", ndjson("Patient", 3))]})
    yield server
    server.close()


def test_an_authority_of_ones_own_must_be_configured(
    tls_server: BulkServer, tmp_path: Path, ca_file: Path
) -> None:
    site = Site(tmp_path, tls_server.base_url)
    with pytest.raises(CertificateRefused, match="not trusted"):
        site.fetch()
    assert tls_server.seen == []
    assert site.fetch(network=replace(HASTY, ca_file=ca_file)).resources == {"Patient": 3}


def test_a_file_without_certificates_is_said(site: Site, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    with pytest.raises(CertificateRefused, match="no certificates"):
        site.fetch(network=replace(HASTY, ca_file=tmp_path / "empty.pem"))


def test_a_proxy_is_used_where_it_is_configured(server: BulkServer, tmp_path: Path) -> None:
    proxy = f"http://{server.authority}"
    server.name = "fhir.invalid"
    server.publish({"output": [server.add("Patient-1", ndjson("Patient", 3))]})
    site = Site(tmp_path, server.base_url)
    hosts = ["http://fhir.invalid"]
    network = replace(HASTY, proxy=proxy)
    assert site.fetch(network=network, allowed_hosts=hosts).resources == {"Patient": 3}
    assert {seen.headers["host"] for seen in server.seen} == {"fhir.invalid"}


def test_the_environment_changes_nothing(
    server: BulkServer, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password word\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.publish({"output": [server.add("Patient-1", ndjson("Patient", 3))]})
    assert site.fetch().resources == {"Patient": 3}
    assert {seen.token for seen in server.seen} == {None}


def test_a_proxy_that_is_not_there_is_said(site: Site) -> None:
    network = replace(HASTY, proxy="http://127.0.0.1:1", attempts=2)
    with pytest.raises(ServerUnavailable):
        site.fetch(network=network)

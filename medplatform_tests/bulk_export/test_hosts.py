"""Nothing is asked of a host that was not configured, and no token leaves its own."""

import pytest

from medplatform.bulk_export import Credentials, HostNotAllowed, TransferError
from medplatform.transfer.hosts import Hosts
from medplatform_tests.bulk_export.server import BulkServer, answer, redirect
from medplatform_tests.bulk_export.site import Site, ndjson

PATIENTS = ndjson("Patient", 3)


@pytest.mark.parametrize(
    "url",
    [
        "https://fhir.example.org/status/1",
        "https://FHIR.example.org:443/x?signature=a",
        "https://fhir.example.org./x",
        "https://files.example.org/1",
        "https://store.example.org:8443/1",
        "http://intranet.example.org/1",
        "http://127.0.0.1:9000/1",
        "https://127.0.0.1:9000/1",
        "http://[::1]:9001/1",
    ],
)
def test_configured_hosts_pass(url: str) -> None:
    hosts = Hosts(
        "https://fhir.example.org/r4",
        [
            "files.example.org",
            "store.example.org:8443",
            "http://intranet.example.org",
            "127.0.0.1:9000",
            "[::1]:9001",
        ],
    )
    hosts.check(url, "a file")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/secret",
        "https://fhir.example.org.evil.test/secret",
        "https://fhir.example.org:8443/secret",
        "http://fhir.example.org/secret",
        "http://files.example.org/secret",
        "https://fhir.example.org@evil.test/secret",
        "https://user:word@fhir.example.org/secret",
        "file:///etc/passwd",
        "//fhir.example.org/secret",
        "https://",
        "https://169.254.169.254/secret",
        "http://127.0.0.1/secret",
        "http://localhost:9000/secret",
        "https://fhir.example.org\\@evil.test/secret",
        "https://\x00",
        "",
    ],
)
def test_every_other_address_is_refused_without_repeating_it(url: str) -> None:
    hosts = Hosts("https://fhir.example.org/r4", ["files.example.org", "127.0.0.1:9000"])
    with pytest.raises(HostNotAllowed) as raised:
        hosts.check(url, "a file")
    assert "/secret" not in str(raised.value)
    assert "word@" not in str(raised.value)


@pytest.mark.parametrize("entry", ["https://host/path", "user@host", "", "ftp://host", "a b"])
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(HostNotAllowed, match="written as"):
        Hosts("https://fhir.example.org", [entry])


def test_plain_http_over_a_network_must_be_wanted() -> None:
    with pytest.raises(HostNotAllowed, match=r"--allow-host http://fhir\.example\.org"):
        Hosts("http://fhir.example.org/r4")
    with pytest.raises(HostNotAllowed, match="plain HTTP"):
        Hosts("http://fhir.example.org/r4", ["fhir.example.org"])
    Hosts("http://fhir.example.org/r4", ["http://fhir.example.org"])
    Hosts("http://localhost:8080/r4")


def test_a_foreign_host_in_the_manifest_stops_before_any_download(
    server: BulkServer, other: BulkServer, site: Site
) -> None:
    good = server.add("Patient-1", PATIENTS)
    server.publish({"output": [good, other.add("Patient-2", PATIENTS)]})
    with pytest.raises(HostNotAllowed, match=f"--allow-host {other.authority}"):
        site.fetch()
    assert other.seen == []
    assert server.asked("/files/Patient-1") == []
    assert site.fetch(allowed_hosts=[other.authority]).resources == {"Patient": 6}
    assert len(server.kick_offs) == 1


@pytest.mark.parametrize("path", ["/fhir/$export", "/status/0", "/manifest/2", "/files/Patient-1"])
def test_redirects_to_foreign_hosts_are_not_followed(
    server: BulkServer, other: BulkServer, site: Site, path: str
) -> None:
    server.publish({"output": [server.add("Patient-1", PATIENTS)]}, {"output": []})
    server.fail(path, redirect(f"{other.url}/files/secret"))
    with pytest.raises(HostNotAllowed):
        site.fetch()
    assert other.seen == []


def test_a_status_or_page_at_a_foreign_host_is_not_read(
    server: BulkServer, other: BulkServer, site: Site
) -> None:
    server.fail("/fhir/$export", answer(202, {"Content-Location": f"{other.url}/status/0"}))
    with pytest.raises(HostNotAllowed, match="the status of the export"):
        site.fetch()
    server.publish({"output": []}, {"output": []})
    server.pages[0]["link"] = [{"relation": "next", "url": f"{other.url}/manifest/2"}]
    with pytest.raises(HostNotAllowed):
        site.fetch(delivery="second")
    assert other.seen == []


def test_redirects_within_the_host_are_followed_with_the_token(
    server: BulkServer, site: Site, credentials: Credentials
) -> None:
    server.publish({"output": [server.add("Patient-1", PATIENTS)]})
    server.add("Patient-2", ndjson("Patient", 9))
    server.fail("/files/Patient-1", redirect("/files/Patient-2", 307))
    assert site.fetch(credentials=credentials).resources == {"Patient": 9}
    assert server.asked("/files/Patient-2")[0].token


def test_a_redirect_to_another_configured_host_goes_without_the_token(
    server: BulkServer, other: BulkServer, site: Site, credentials: Credentials
) -> None:
    server.publish({"output": [server.add("Patient-1", PATIENTS)]})
    other.add("Patient-1", PATIENTS)
    back = redirect(f"{server.url}/files/last")
    server.fail("/files/Patient-1", redirect(f"{other.url}/hop"))
    other.fail("/hop", back)
    server.fail("/files/last", lambda handler: handler.send_file(PATIENTS))
    assert site.fetch(credentials=credentials, allowed_hosts=[other.authority]).resources
    assert server.asked("/files/Patient-1")[0].token
    assert other.asked("/hop")[0].token is None
    assert server.asked("/files/last")[0].token is None, "a token that was left off stays off"


def test_files_that_need_no_token_get_none(
    server: BulkServer, other: BulkServer, site: Site, credentials: Credentials
) -> None:
    entries = [other.add("Patient-1", PATIENTS), server.add("Patient-2", PATIENTS)]
    server.publish({"output": entries, "requiresAccessToken": False})
    site.fetch(credentials=credentials, allowed_hosts=[other.authority])
    assert [seen.token for seen in other.asked("/files/Patient-1")] == [None]
    assert [seen.token for seen in server.asked("/files/Patient-2")] == [None]
    assert server.asked("/status/0")[0].token


def test_each_page_says_for_its_own_files_whether_they_need_a_token(
    server: BulkServer, site: Site, credentials: Credentials
) -> None:
    server.publish(
        {"output": [server.add("Patient-1", PATIENTS)]},
        {"output": [server.add("Patient-2", PATIENTS)], "requiresAccessToken": False},
    )
    server.fail("/files/Patient-2", lambda handler: handler.send_file(PATIENTS))
    site.fetch(credentials=credentials)
    assert server.asked("/files/Patient-1")[0].token
    assert server.asked("/files/Patient-2")[0].token is None


def test_redirects_in_a_circle_end(server: BulkServer, site: Site) -> None:
    server.publish({"output": [server.add("Patient-1", PATIENTS)]})
    server.fail("/files/Patient-1", *[redirect("/files/Patient-1")] * 9)
    with pytest.raises(TransferError, match="in circles"):
        site.fetch()


def test_addresses_with_signatures_arrive_unchanged(server: BulkServer, site: Site) -> None:
    entry = server.add("Patient-1", PATIENTS)
    entry["url"] += "?sig=a%2Bb%2F%3D&x=1%2C2&name=a%20b"
    server.publish({"output": [entry]})
    site.fetch()
    assert server.asked("/files/Patient-1")[0].query == {
        "sig": "a+b/=",
        "x": "1,2",
        "name": "a b",
    }

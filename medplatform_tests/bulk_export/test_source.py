"""A delivery says which server it is from."""

import json
from pathlib import Path

import pytest

from medplatform.bulk_export import TransferLocked
from medplatform.bulk_export.source import name_source
from medplatform.bulk_export.workspace import lock_request
from medplatform.modalities.delivery import DeliveryError, DeliveryOptions, open_delivery
from medplatform_tests.bulk_export.server import BulkServer, answer
from medplatform_tests.bulk_export.site import Site, ndjson


@pytest.fixture(autouse=True)
def export(server: BulkServer) -> None:
    publish_at(server, "2026-03-01T12:00:00Z")


def publish_at(server: BulkServer, moment: str) -> None:
    entry = server.add("Patient-1", ndjson("Patient", 3))
    server.publish({"transactionTime": moment, "output": [entry]})


def options(site: Site, name: str = "first") -> DeliveryOptions:
    return open_delivery(site.landing, "ehr", name).options


def forget_names(site: Site) -> None:
    """Make landing look as if its exports had been delivered without names."""
    for path in site.landing.glob("ehr/*/delivery.json"):
        path.unlink()
    exports = [*site.landing.glob("ehr/*/.export/export.json")]
    for path in [*exports, *site.landing.glob(".exports/.history/*.json")]:
        record = json.loads(path.read_bytes())
        del record["source"]
        path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    "address",
    [
        "https://FHIR.example.org/r4/",
        "https://fhir.example.org:443/r4",
        "http://fhir.example.org/r4",
    ],
)
def test_one_server_has_one_name_however_it_is_written(address: str) -> None:
    assert name_source(address) == name_source("https://fhir.example.org/r4")


def test_servers_have_names_of_their_own() -> None:
    addresses = [
        "https://fhir.example.org",
        "https://fhir.example.org/r4",
        "https://fhir.example.org/R4",
        "https://fhir-example.org/r4",
        "https://fhir.example.org:8443/r4",
        "https://fhir.example.org/r4/" + "tenant/" * 40,
        "https://[::1]:8443/r4",
        "https://klinik-süd.example/r4",
    ]
    names = [name_source(address) for address in addresses]
    assert len({*names}) == len(addresses)
    for name in names:
        assert DeliveryOptions(source=name)


def test_a_delivery_declares_its_server_and_release(server: BulkServer, site: Site) -> None:
    site.fetch()
    assert options(site).source == name_source(server.base_url)
    assert options(site).fhir_release == "4.0"


@pytest.mark.parametrize(
    ("version", "release"),
    [("4.3.0", "4.3"), ("4.1.0", "4.3"), ("5.0.0", "5.0"), ("3.0.2", None), ("6.0.0", None)],
)
def test_a_release_that_cannot_be_read_is_left_to_the_resources(
    server: BulkServer, site: Site, version: str, release: str | None
) -> None:
    server.fail("/fhir/metadata", answer(200, body=json.dumps({"fhirVersion": version}).encode()))
    site.fetch()
    assert options(site).fhir_release == release


def test_a_server_keeps_its_name(server: BulkServer, site: Site) -> None:
    site.fetch(source="cardiology")
    publish_at(server, "2026-03-02T12:00:00Z")
    site.fetch(site.request(since="2026-03-01T12:00:00Z"), delivery="second")
    assert options(site).source == options(site, "second").source == "cardiology"


def test_it_keeps_its_name_when_its_deliveries_were_removed(site: Site, tmp_path: Path) -> None:
    site.fetch(source="cardiology")
    (site.landing / "ehr" / "first").rename(tmp_path / "elsewhere")
    site.fetch(site.request(types=["Patient"]), delivery="second")
    assert options(site, "second").source == "cardiology"


def test_a_server_that_had_no_name_stays_without(server: BulkServer, site: Site) -> None:
    site.fetch()
    forget_names(site)
    publish_at(server, "2026-03-02T12:00:00Z")
    site.fetch(delivery="second")
    assert options(site, "second").source is None
    assert options(site, "second").fhir_release == "4.0"


def test_another_name_than_before_is_taken_and_said(server: BulkServer, site: Site) -> None:
    site.fetch()
    publish_at(server, "2026-03-02T12:00:00Z")
    site.fetch(delivery="second", source="cardiology")
    assert options(site, "second").source == "cardiology"
    assert "called cardiology from now on" in site.said[-1]


def test_another_server_is_not_given_that_name(
    server: BulkServer, other: BulkServer, site: Site
) -> None:
    site.fetch(source="cardiology")
    publish_at(other, "2026-03-01T12:00:00Z")
    elsewhere = site.request().model_copy(update={"base_url": other.base_url})
    site.fetch(elsewhere, delivery="second")
    assert options(site, "second").source == name_source(other.base_url)
    assert server.base_url != other.base_url


def test_a_name_that_is_none_is_refused_before_anything_is_asked(
    server: BulkServer, site: Site
) -> None:
    with pytest.raises(DeliveryError, match="source"):
        site.fetch(source="two words")
    assert not server.seen


def test_exports_that_begin_in_one_second_have_names_of_their_own(site: Site) -> None:
    requests = [site.request(), site.request(since="2026-01-01T00:00:00Z"), site.request()]
    names = [site.fetch(request, delivery=None).delivery for request in requests]
    assert len({*names}) == 3
    assert sorted(filter(None, names)) == names


def test_the_same_export_is_not_begun_twice_at_once(server: BulkServer, site: Site) -> None:
    with lock_request(site.landing, site.request().digest), pytest.raises(TransferLocked):
        site.fetch(delivery=None)
    assert not server.seen

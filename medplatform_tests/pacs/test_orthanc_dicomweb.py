"""DICOMweb against a real PACS: what it holds comes back, once."""

from collections import Counter
from pathlib import Path

import pytest

from medplatform.pacs.query import Query
from medplatform.pacs.retrieval import Retrieval
from medplatform.transfer import AuthorizationFailed
from medplatform_tests.pacs.images import make_image, make_series, pixels_of, pixels_of_file
from medplatform_tests.pacs.orthanc import PASSWORD, USER, Orthanc
from medplatform_tests.pacs.site import Site
from medplatform_tests.public_data import PUBLIC_DATA

SERIES = PUBLIC_DATA / "dicom" / "series"


def fetch(site: Site, orthanc: Orthanc, query: Query | None = None) -> Retrieval:
    return site.fetch(orthanc.dicomweb, query, secret=site.secret(PASSWORD, USER))


def test_everything_that_is_stored_comes_back_once(
    orthanc: Orthanc, site: Site, tmp_path: Path
) -> None:
    stored = make_series(tmp_path / "in", 3) + make_series(
        tmp_path / "in", 2, study=2, modality="MR", patient="P2"
    )
    orthanc.store(stored)
    first = fetch(site, orthanc)
    assert (first.found, first.fetched, first.failed) == (5, 5, 0)
    assert pixels_of(site.folder(first)) == Counter(map(pixels_of_file, stored))
    assert (site.folder(first) / "_DONE").exists()

    second = fetch(site, orthanc)
    assert (second.found, second.delivered_before, second.fetched) == (5, 5, 0)
    assert second.delivery is None
    assert len(site.deliveries) == 1

    make_image(tmp_path / "new.dcm", number=4)
    orthanc.store([tmp_path / "new.dcm"])
    third = fetch(site, orthanc)
    assert (third.found, third.delivered_before, third.fetched) == (6, 5, 1)
    assert pixels_of(site.folder(third)) == Counter([pixels_of_file(tmp_path / "new.dcm")])


@pytest.mark.real
@pytest.mark.skipif(not SERIES.exists(), reason="The public series are not beside the checkout.")
@pytest.mark.parametrize("name", ["ct_ge", "mr_uih_t1"])
def test_a_real_series_comes_back_with_equal_pixels(
    orthanc: Orthanc, site: Site, name: str
) -> None:
    stored = sorted(path for path in (SERIES / name).glob("**/*") if path.is_file())
    orthanc.store(stored)
    brought = fetch(site, orthanc)
    assert brought.fetched == len(stored)
    assert pixels_of(site.folder(brought)) == Counter(map(pixels_of_file, stored))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(modalities=("MR",)), 2),
        (Query(modalities=("MR", "CT")), 5),
        (Query(patients=("P2",)), 2),
        (Query(accessions=("A1",)), 3),
        (Query(studies=("1.2.826.0.1.3680043.10.1234.1",)), 3),
        (Query(series=("1.2.826.0.1.3680043.10.1234.2.1",)), 2),
        (Query.of(since="2026-02-01"), 2),
        (Query.of(until="2026-01-31"), 3),
        (Query(patients=("P",)), 0),
    ],
)
def test_a_query_brings_what_it_asks_for(
    orthanc: Orthanc, site: Site, tmp_path: Path, query: Query, expected: int
) -> None:
    orthanc.store(
        make_series(tmp_path, 3)
        + make_series(tmp_path, 2, study=2, modality="MR", patient="P2", date="20260301")
    )
    assert fetch(site, orthanc, query).fetched == expected


def test_pages_are_followed_to_the_end(
    orthanc: Orthanc, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medplatform.pacs.dicomweb.search.PAGE", 2)
    orthanc.store(make_series(tmp_path, 7))
    assert fetch(site, orthanc).fetched == 7


@pytest.mark.parametrize("password", ["wrong", None])
def test_without_the_right_password_there_is_a_clear_error(
    orthanc: Orthanc, site: Site, password: str | None
) -> None:
    secret = site.secret(password, USER) if password else None
    with pytest.raises(AuthorizationFailed, match="password"):
        site.fetch(orthanc.dicomweb, secret=secret)
    assert site.deliveries == []

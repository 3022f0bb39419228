"""Reading again: replaces, never destroys; what was a copy of replaced content is read itself."""

from pathlib import Path

from medplatform_tests.ingest.site import Site
from medplatform_tests.toy import READING, deliver_lines

GOOD = "p1,10\np2,20\nbroken line\n"


def rewrite(site: Site, name: str, text: str) -> None:
    (site.landing / "toy" / name / "a.txt").write_text(text)


def parts(site: Site) -> set[Path]:
    return set((site.lake.root / READING.name).rglob("*.parquet"))


def test_a_new_reading_never_has_the_file_names_of_the_one_before(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": GOOD})
    site.ingest("d1")
    seen = parts(site)
    for _ in range(2):
        site.ingest("d1", again=True)
        assert not parts(site) & seen
        seen |= parts(site)
    assert site.values() == [10, 20]


def test_a_rejected_new_reading_leaves_the_earlier_one(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": GOOD})
    first = site.ingest("d1").entry
    rewrite(site, "d1", "p1,1 BOGUS\np2,2\n")
    for _ in range(2):
        receipt = site.ingest("d1", again=True)
        assert receipt.status == "rejected"
        assert "what was published of it before stays" in str(receipt.problem)
        assert receipt.entry is not None
        assert receipt.entry.counts()["line"].quarantined == 2
        assert receipt.entry.counts()["line"].is_balanced
        assert [f["check"] for f in receipt.entry.findings if not f["success"]] == [
            "codes_are_known"
        ]
    assert site.values() == [10, 20]
    entry = site.lake.ledger.get("toy", "d1")
    assert first is not None
    assert entry is not None
    assert entry.model_copy(update={"rejected_attempt": None}) == first
    codes = site.lake.quarantine("toy")["code"].sort().to_list()
    assert codes == ["delivery.rejected", "delivery.rejected", "line.fields"]


def test_a_good_new_reading_replaces_a_rejected_attempt(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": GOOD})
    site.ingest("d1")
    rewrite(site, "d1", "p1,1 BOGUS\n")
    site.ingest("d1", again=True)
    rewrite(site, "d1", "p9,99\n")
    receipt = site.ingest("d1", again=True)
    assert receipt.status == "published"
    assert receipt.problem is None
    assert site.values() == [99]
    assert site.lake.quarantine("toy").is_empty()
    assert not list((site.lake.root / "_quarantine").rglob("*.parquet"))


def test_a_copy_is_read_once_the_original_has_other_content(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "p1,10\n"})
    deliver_lines(site.landing, "d2", {"a.txt": "p1,10\n"})
    site.ingest("d1")
    assert site.ingest("d2").status == "duplicate"
    assert site.ingest("d2").status == "unchanged"
    assert site.waiting() == []
    rewrite(site, "d1", "p9,99\n")
    site.ingest("d1", again=True)
    assert site.waiting() == ["d2"]
    assert site.ingest("d2").status == "published"
    assert site.values() == [10, 99]


def test_a_delivery_without_a_row_does_not_make_a_copy_of_the_next(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "broken line\n"})
    deliver_lines(site.landing, "d2", {"b.txt": "broken line\n"})
    site.ingest("d1")
    assert site.ingest("d2").status == "published"

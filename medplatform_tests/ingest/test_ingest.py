"""A delivery enters the lake whole or not at all, once, and no record is lost on the way."""

import errno
import os
import traceback
from dataclasses import replace

import duckdb
import pyarrow as pa
import pytest

from medplatform.ingest import ReaderDefect, Receipt, ingest_pending
from medplatform.lake import Column, LakeError
from medplatform.modalities.delivery import DeliveryError
from medplatform.modalities.modality import Modality
from medplatform.quality import COUNT_CHECK
from medplatform_tests.ingest.site import Site
from medplatform_tests.toy import READING, TOY, count_records, deliver_lines, read

GOOD = "p1,10\np2,20\n\nother\nbroken line\n"


def test_every_record_is_accepted_quarantined_blank_or_kept(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": GOOD, "b.txt": "p3,30\n"})
    receipt = site.ingest("d1")
    assert receipt.status == "published"
    assert receipt.entry is not None
    counts = receipt.entry.counts()["line"]
    assert counts.model_dump() == {
        "delivered": 6,
        "accepted": 3,
        "quarantined": 1,
        "blank": 1,
        "kept": 1,
    }
    assert receipt.entry.refusals == {"line.fields": 1}
    assert receipt.entry.kept_kinds == {"other": 1}
    assert site.values() == [10, 20, 30]


def test_a_refusal_names_file_record_and_reason(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"Jane_Doe.txt": GOOD})
    site.ingest("d1")
    row = site.lake.quarantine("toy").row(0, named=True)
    assert (row["delivery"], row["record_number"], row["code"]) == ("d1", 5, "line.fields")
    assert "Jane" not in row["file"]
    path = site.identity.source_path(row["source_id"])
    assert path is not None
    assert path.endswith("Jane_Doe.txt")


def test_running_again_does_nothing(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": GOOD})
    site.ingest("d1")
    before = {p: p.stat().st_mtime_ns for p in site.lake.root.rglob("*.parquet")}
    assert site.ingest("d1").status == "unchanged"
    assert {p: p.stat().st_mtime_ns for p in site.lake.root.rglob("*.parquet")} == before


def test_reading_anew_replaces_what_was_there(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": GOOD})
    site.ingest("d1")
    (site.landing / "toy" / "d1" / "a.txt").write_text("p9,99\n")
    assert site.ingest("d1", again=True).status == "published"
    assert site.values() == [99]
    assert len(list((site.lake.root / "toy_reading").rglob("*.parquet"))) == 1


def test_a_delivery_that_changed_after_it_was_read_is_refused(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": GOOD})
    site.ingest("d1")
    (site.landing / "toy" / "d1" / "late.txt").write_text("p3,30\n")
    with pytest.raises(DeliveryError, match="--again"):
        site.ingest("d1")
    assert site.values() == [10, 20]


def test_the_same_content_under_another_name_is_not_counted_twice(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": GOOD})
    deliver_lines(site.landing, "d2", {"renamed.txt": GOOD})
    site.ingest("d1")
    receipt = site.ingest("d2")
    assert receipt.status == "duplicate"
    assert receipt.entry is not None
    assert receipt.entry.duplicate_of == "d1"
    assert site.values() == [10, 20]


def test_two_files_of_equal_bytes_in_one_delivery_keep_the_identity(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "p1,1\n\n", "b.txt": "p1,1\n\n"})
    receipt = site.ingest("d1")
    assert receipt.entry is not None
    assert receipt.entry.counts()["line"].is_balanced
    assert receipt.entry.counts()["line"].delivered == 4


def test_a_critical_finding_keeps_the_whole_delivery_out_of_the_lake(site: Site) -> None:
    deliver_lines(site.landing, "good", {"a.txt": "p1,1\n"})
    deliver_lines(site.landing, "bad", {"a.txt": "p1,1 final\np2,2 BOGUS\nbroken line\n"})
    site.ingest("good")
    receipt = site.ingest("bad")
    assert receipt.status == "rejected"
    assert receipt.entry is not None
    counts = receipt.entry.counts()["line"]
    assert (counts.delivered, counts.accepted, counts.quarantined) == (3, 0, 3)
    assert receipt.entry.refusals == {"delivery.rejected": 2, "line.fields": 1}
    assert site.values() == [1]
    reasons = site.lake.quarantine("toy").filter(delivery="bad")["reason"].to_list()
    assert any("toy_reading.codes_are_known" in reason for reason in reasons)
    assert not any("BOGUS" in reason for reason in reasons)


def test_a_warning_is_recorded_and_does_not_keep_anything_out(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "p1,1000\n"})
    receipt = site.ingest("d1")
    assert receipt.status == "published"
    assert receipt.entry is not None
    broken = [f for f in receipt.entry.findings if not f["success"]]
    assert [(f["check"], f["value"]) for f in broken] == [("values_are_plausible", 1)]


def test_a_reader_that_loses_a_record_is_caught(site: Site) -> None:
    def forgetful(delivery, stage, identity, progress) -> None:
        read(delivery, stage, identity, progress)
        stage.count(delivery.sources[0].source_id, "line", accepted=-1)

    def blind(delivery, stage, identity, progress) -> None:
        read(delivery, stage, identity, progress)
        stage.count(delivery.sources[0].source_id, "line", delivered=-1, accepted=-1)

    for name, reader in (("forgetful", forgetful), ("blind", blind)):
        deliver_lines(site.landing, name, {"a.txt": f"p1,{len(name)}\n"})
        modality = Modality(
            name="toy", title="Toy", tables=(READING,), read=reader, count_records=count_records
        )
        receipt = site.ingest(name, modality=modality)
        assert receipt.status == "rejected"
        assert receipt.entry is not None
        assert not next(f for f in receipt.entry.findings if f["check"] == COUNT_CHECK)["success"]
    assert site.values() == []


def test_an_unexpected_error_of_a_reader_is_reported_without_its_message(site: Site) -> None:
    def defective(delivery, stage, identity, progress) -> None:
        float("Jane Doe")

    deliver_lines(site.landing, "d1", {"a.txt": GOOD})
    modality = Modality(
        name="toy", title="Toy", tables=(READING,), read=defective, count_records=count_records
    )
    with pytest.raises(ReaderDefect, match="ValueError in defective") as caught:
        site.ingest("d1", modality=modality)
    assert "Jane" not in "".join(traceback.format_exception(caught.value))
    assert site.values() == []


def test_readers_of_the_lake_see_ledgered_deliveries_only(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "p1,1\n"})
    site.ingest("d1")
    published = next((site.lake.root / "toy_reading").rglob("*.parquet"))
    stray = site.lake.root / "toy_reading" / "delivery=d2" / published.name
    stray.parent.mkdir()
    stray.write_bytes(published.read_bytes())
    assert site.values() == [1]
    with duckdb.connect() as connection:
        site.lake.create_views(connection, [READING])
        rows = connection.execute("select delivery, value from lake.toy_reading").fetchall()
    assert rows == [("d1", 1.0)]


def test_an_empty_lake_has_empty_tables(site: Site) -> None:
    assert site.lake.scan(READING).collect().is_empty()
    assert site.lake.quarantine().is_empty()
    with duckdb.connect() as connection:
        site.lake.create_views(connection, [READING])
        relation = connection.execute("select * from lake.toy_reading")
        assert [column[0] for column in relation.description or []][-1] == "delivery"


def test_who_reads_the_views_is_not_disturbed_by_who_makes_them_again(site: Site) -> None:
    with duckdb.connect() as connection:
        site.lake.create_views(connection, [READING])
        (path,) = (site.lake.root / "_empty").iterdir()
        with path.open("rb") as reading:
            before = os.fstat(reading.fileno()).st_mtime_ns
            site.lake.create_views(connection, [READING])
            assert os.fstat(reading.fileno()).st_mtime_ns == before
        assert list((site.lake.root / "_empty").iterdir()) == [path]


def test_a_column_declared_later_is_null_in_older_files(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "p1,1\n"})
    site.ingest("d1")
    unit = Column(name="unit", dtype=pa.string(), description="Unit.")
    wider = replace(READING, columns=(*READING.columns, unit))
    assert site.lake.scan(wider).select("value", "unit", "delivery").collect().rows() == [
        (1.0, None, "d1")
    ]


def test_one_unreadable_delivery_does_not_stop_the_others(site: Site) -> None:
    deliver_lines(site.landing, "a-empty", {})
    deliver_lines(site.landing, "b-good", {"a.txt": "p1,1\n"})
    deliver_lines(site.landing, "c-options", {"a.txt": "p1,1\n", "delivery.json": '{"x": "Jane"}'})
    receipts = ingest_pending(
        TOY, landing=site.landing, lake=site.lake, identity=site.identity, quiet_period_s=300
    )
    assert [r.status for r in receipts] == ["unreadable", "published", "unreadable"]
    assert "has no files" in str(receipts[0].problem)
    assert "x: Extra inputs are not permitted" in str(receipts[2].problem)
    assert "Jane" not in str(receipts[2].problem)


def test_an_open_delivery_waits_for_done_or_a_quiet_period(site: Site) -> None:
    deliver_lines(site.landing, "d1", {"a.txt": "p1,1\n"})
    (site.landing / "toy" / "d1" / "_DONE").unlink()

    def pending(quiet_period_s: float) -> list[Receipt]:
        return ingest_pending(
            TOY,
            landing=site.landing,
            lake=site.lake,
            identity=site.identity,
            quiet_period_s=quiet_period_s,
        )

    assert pending(300) == []
    assert [receipt.status for receipt in pending(0)] == ["published"]


@pytest.mark.parametrize("name", ["", "../x", "a b", "ä", "x" * 65])
def test_unusable_delivery_names_are_refused(site: Site, name: str) -> None:
    with pytest.raises(DeliveryError, match="1 to 64"):
        site.ingest(name)


def test_a_defective_or_locked_delivery_does_not_stop_the_others(site: Site) -> None:
    def defective(delivery, stage, identity, progress) -> None:
        if delivery.name == "b-defect":
            float("Jane Doe")
        read(delivery, stage, identity, progress)

    for number, name in enumerate(("a-locked", "b-defect", "c-good")):
        deliver_lines(site.landing, name, {"a.txt": f"p1,{number}\n"})
    with site.lake.stage("toy", "a-locked", "00000000"):
        receipts = site.ingest_pending(replace(TOY, read=defective))
    assert [r.status for r in receipts] == ["unreadable", "unreadable", "published"]
    assert "Another process" in str(receipts[0].problem)
    assert "ValueError in defective" in str(receipts[1].problem)
    assert "Jane" not in repr(receipts)
    assert site.values() == [2]


def test_a_full_disk_stops_all(site: Site) -> None:
    def fill(delivery, stage, identity, progress) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    deliver_lines(site.landing, "d1", {"a.txt": "p1,1\n"})
    with pytest.raises(LakeError, match="Free some space"):
        site.ingest_pending(replace(TOY, read=fill))


def test_an_unexpected_error_of_a_recount_is_reported_without_its_message(site: Site) -> None:
    def defective(source) -> dict[str, int]:
        return {"line": int("Jane Doe")}

    deliver_lines(site.landing, "d1", {"a.txt": "p1,1\n"})
    with pytest.raises(ReaderDefect, match="recount of toy/d1 failed with ValueError") as caught:
        site.ingest("d1", modality=replace(TOY, count_records=defective))
    assert "Jane" not in "".join(traceback.format_exception(caught.value))
    assert site.values() == []

"""How sorted events are cut into files, whatever batches they come in."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from medplatform.meds import shards
from medplatform.meds.shards import write_shards

SPLITS = ("train", "tuning", "held_out")


@pytest.fixture
def events() -> pa.Table:
    """3,000 events of 90 subjects in three splits, as DuckDB gives them."""
    random = np.random.default_rng(7)
    subjects = np.sort(random.integers(0, 90, 3000))
    kinds = random.integers(0, 5, 3000)
    return pa.table(
        {
            "split": (subjects // 40).astype(np.uint8),
            "subject_id": subjects * 10**15,
            "time": pa.array(range(3000), pa.timestamp("us")),
            "code": [f"C//{kind}" for kind in kinds],
            "number": pa.array(kinds, pa.float32()),
            "text": kinds.astype(str),
            "occurred_at": pa.array(range(3000), pa.timestamp("us")),
            "unit": pa.nulls(3000, pa.string()),
            "encounter_id": kinds.astype(str),
            "kind": kinds.astype(np.uint8),
        }
    )


def batches(events: pa.Table, rows: int) -> Iterator[pa.RecordBatch]:
    yield from events.combine_chunks().to_batches(rows)


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.parquet")
    }


def write(events: pa.Table, root: Path, rows: int, subjects_per_shard: int) -> shards.Written:
    root.mkdir()
    return write_shards(batches(events, rows), root, subjects_per_shard)


def test_each_subject_is_in_one_shard_and_none_is_too_large(
    events: pa.Table, tmp_path: Path
) -> None:
    written = write(events, tmp_path / "out", 100, subjects_per_shard=7)
    seen: set[int] = set()
    for number, split in enumerate(SPLITS):
        here = set(events["subject_id"].to_numpy()[events["split"].to_numpy() == number])
        files = sorted((tmp_path / "out" / "data" / split).glob("*.parquet"))
        assert len(files) == -(-len(here) // 7) == written.shards[split]
        for path in files:
            subjects = pl.read_parquet(path)["subject_id"].unique()
            assert len(subjects) <= 7
            assert not seen & set(subjects)
            seen |= set(subjects)
        assert sorted(np.concatenate(written.subjects[split])) == sorted(here)
    assert seen == set(events["subject_id"].to_pylist())


def test_no_event_is_lost_or_moved(events: pa.Table, tmp_path: Path) -> None:
    written = write(events, tmp_path / "out", 64, subjects_per_shard=5)
    files = [
        tmp_path / "out" / "data" / split / f"{shard}.parquet"
        for split in SPLITS
        for shard in range(written.shards[split])
    ]
    found = pl.concat(pl.read_parquet(path) for path in files)
    expected = pl.DataFrame(events)
    assert found["subject_id"].equals(expected["subject_id"])
    assert found["time"].equals(expected["time"])
    assert found["code"].equals(expected["code"])
    assert written.events.total() == 3000
    assert written.by_kind.tolist()[:5] == np.bincount(events["kind"].to_numpy()).tolist()


@pytest.mark.parametrize("rows", [1, 7, 100, 3000])
def test_batches_do_not_show_in_the_bytes(
    events: pa.Table, tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "_ROW_GROUP_ROWS", 128)
    write(events, tmp_path / "a", 1000, subjects_per_shard=20)
    write(events, tmp_path / "b", rows, subjects_per_shard=20)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")

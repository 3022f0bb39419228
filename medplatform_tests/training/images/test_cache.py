"""A cache is whole or absent, says when it was changed, and is shared by processes."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import medplatform_tests
from medplatform.training.images import augment, intensity
from medplatform.training.images.build import CacheFailed, Layout, build_cache
from medplatform.training.images.cache import (
    CacheDamaged,
    CacheKey,
    code_digest,
    list_caches,
    open_cache,
    remove_cache,
)
from medplatform_tests.training.images.phantom import KEY, cache_of, layouts, make, numbered


def visible(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if not path.name.startswith("."))


def test_rows_are_where_the_data_set_has_them(tmp_path: Path) -> None:
    cache = build_cache(
        tmp_path, KEY, count=50, layouts=layouts(), tasks=reversed(range(50)), make=make, workers=3
    )
    assert len(cache) == 50
    for row in (0, 7, 49):
        for name, expected in numbered(row)[1].items():
            np.testing.assert_array_equal(cache.arrays[name][row], expected)


def test_it_can_be_read_with_numpy_alone(tmp_path: Path) -> None:
    images = np.load(cache_of(tmp_path, 5).folder / "image.npy")
    assert images.shape == (5, 1, 8, 8) and images.dtype == np.uint8


def test_it_is_mapped_not_copied_and_cannot_be_changed(tmp_path: Path) -> None:
    images = cache_of(tmp_path, 5).arrays["image"]
    assert not images.flags.writeable
    maps = Path("/proc/self/maps").read_text()
    assert str(tmp_path / KEY.digest[:16] / "image.npy") in maps


def test_it_is_built_once(tmp_path: Path) -> None:
    first = cache_of(tmp_path, 5)
    second = build_cache(
        tmp_path, KEY, count=5, layouts=layouts(), tasks=range(5), make=pytest.fail
    )
    assert second.manifest == first.manifest
    assert visible(tmp_path) == [KEY.digest[:16]]


def test_the_key_says_what_decides_the_pixels() -> None:
    keys = {
        CacheKey("a", {"size": 1}, "c").digest,
        CacheKey("b", {"size": 1}, "c").digest,
        CacheKey("a", {"size": 2}, "c").digest,
        CacheKey("a", {"size": 1}, "d").digest,
    }
    assert len(keys) == 4
    assert (
        CacheKey("a", {"x": 1, "y": 2}, "c").digest == CacheKey("a", {"y": 2, "x": 1}, "c").digest
    )
    assert code_digest(intensity) != code_digest(intensity, augment)


def test_progress_counts_rows(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    build_cache(
        tmp_path,
        KEY,
        count=4,
        layouts=layouts(),
        tasks=range(4),
        make=make,
        progress=lambda done, count: seen.append((done, count)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


class TestFailure:
    def test_an_error_leaves_nothing(self, tmp_path: Path) -> None:
        def fail(row: int):
            if row == 30:
                raise RuntimeError("no")
            return [numbered(row)]

        with pytest.raises(RuntimeError, match="no"):
            build_cache(tmp_path, KEY, count=50, layouts=layouts(), tasks=range(50), make=fail)
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]

    @pytest.mark.parametrize(
        ("rows", "message"), [([0, 1, 1], "twice"), ([0, 1], "1 of 3"), ([3], "none")]
    )
    def test_each_row_is_made_once(self, tmp_path: Path, rows: list[int], message: str) -> None:
        with pytest.raises(CacheFailed, match=message):
            build_cache(tmp_path, KEY, count=3, layouts=layouts(), tasks=rows, make=make)

    def test_a_sample_of_another_shape_or_type_is_refused(self, tmp_path: Path) -> None:
        for layout in (Layout("uint8", (1, 9, 8)), Layout("int16", (1, 8, 8))):
            with pytest.raises(CacheFailed, match="uint8 \\(1, 8, 8\\), not"):
                build_cache(tmp_path, KEY, count=1, layouts={"image": layout}, tasks=[0], make=make)

    def test_a_full_disk_is_known_at_the_start(self, tmp_path: Path, monkeypatch) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(CacheFailed, match=r"0\.0 GB there.*medplatform caches"):
            build_cache(tmp_path, KEY, count=9, layouts=layouts(), tasks=range(9), make=pytest.fail)
        assert not visible(tmp_path)

    def test_a_build_that_is_killed_leaves_nothing_to_see(self, tmp_path: Path) -> None:
        script = (
            "import sys, time; from pathlib import Path\n"
            "from medplatform_tests.training.images.phantom import *\n"
            "def slow(row):\n"
            "    if row == 20: Path(sys.argv[1], 'reached').touch(); time.sleep(60)\n"
            "    return [numbered(row)]\n"
            "build_cache(Path(sys.argv[1], 'caches'), KEY, count=40, layouts=layouts(),\n"
            "            tasks=range(40), make=slow, workers=1)\n"
        )
        command = [sys.executable, "-c", script, str(tmp_path)]
        process = subprocess.Popen(command, cwd=Path(medplatform_tests.__file__).parents[1])
        while not (tmp_path / "reached").exists():
            time.sleep(0.02)
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert visible(tmp_path / "caches") == []
        assert list((tmp_path / "caches").glob(".*.draft"))
        assert len(cache_of(tmp_path / "caches", 40)) == 40
        assert visible(tmp_path / "caches") == [KEY.digest[:16]]
        assert not list((tmp_path / "caches").glob(".*.draft"))


class TestCheck:
    def test_a_shorter_file_is_found(self, tmp_path: Path) -> None:
        folder = cache_of(tmp_path, 5).folder
        os.truncate(folder / "mask.npy", 100)
        with pytest.raises(CacheDamaged, match=r"mask\.npy has 100 bytes.*Remove it"):
            open_cache(folder)

    def test_a_changed_header_is_found(self, tmp_path: Path) -> None:
        folder = cache_of(tmp_path, 5).folder
        content = (folder / "image.npy").read_bytes().replace(b"(5, 1, 8, 8)", b"(5, 8, 1, 8)")
        (folder / "image.npy").write_bytes(content)
        with pytest.raises(CacheDamaged, match="header"):
            open_cache(folder)

    def test_changed_pixels_are_found_where_all_is_hashed(self, tmp_path: Path) -> None:
        folder = cache_of(tmp_path, 5).folder
        with (folder / "image.npy").open("r+b") as stream:
            stream.seek(-1, os.SEEK_END)
            stream.write(b"\xff")
        open_cache(folder)
        with pytest.raises(CacheDamaged, match="changed"):
            open_cache(folder, verify=True)

    def test_a_manifest_of_another_cache_is_found(self, tmp_path: Path) -> None:
        folder = cache_of(tmp_path, 5).folder
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["key"]["dataset"] = "e" * 64
        (folder / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(CacheDamaged, match="another cache"):
            open_cache(folder)

    def test_a_damaged_cache_is_built_again(self, tmp_path: Path) -> None:
        folder = cache_of(tmp_path, 5).folder
        os.truncate(folder / "image.npy", 100)
        assert cache_of(tmp_path, 5).arrays["image"][4, 0, 0, 0] == 4


class TestManagement:
    def test_caches_are_listed_with_what_they_take(self, tmp_path: Path) -> None:
        cache_of(tmp_path, 5)
        other = cache_of(tmp_path, 7, CacheKey("e" * 64, {}, "c"))
        os.utime(other.folder / "manifest.json", (0, 0))
        recent, old = list_caches(tmp_path)
        assert (recent.images, recent.dataset, old.images) == (5, "d" * 64, 7)
        assert recent.bytes >= 2 * 5 * 64
        open_cache(other.folder)
        assert list_caches(tmp_path)[0].images == 7

    def test_a_cache_that_cannot_be_read_is_listed_too(self, tmp_path: Path) -> None:
        folder = cache_of(tmp_path, 5).folder
        (folder / "manifest.json").unlink()
        assert [entry.images for entry in list_caches(tmp_path)] == [0]

    def test_who_has_it_open_keeps_a_cache_that_is_removed(self, tmp_path: Path) -> None:
        cache = cache_of(tmp_path, 5)
        images = cache.arrays["image"]
        remove_cache(cache.folder)
        remove_cache(cache.folder)
        assert images[3, 0, 0, 0] == 3
        assert not visible(tmp_path)


def test_processes_share_what_one_of_them_built(tmp_path: Path) -> None:
    with get_context("spawn").Pool(2) as pool:
        found = pool.starmap(_build_slowly, [(tmp_path, 30)] * 2)
    assert sorted(found) == [(0, 435), (30, 435)]


def _build_slowly(root: Path, rows: int) -> tuple[int, int]:
    made = []

    def slow(row: int):
        made.append(row)
        time.sleep(0.01)
        return [numbered(row)]

    cache = build_cache(root, KEY, count=rows, layouts=layouts(), tasks=range(rows), make=slow)
    return len(made), int(cache.arrays["image"][:, 0, 0, 0].sum())


def test_a_cache_is_sent_to_a_process_by_its_path(tmp_path: Path) -> None:
    cache = cache_of(tmp_path, 2000)
    content = pickle.dumps(cache)
    assert len(content) < 1000
    np.testing.assert_array_equal(pickle.loads(content).arrays["image"], cache.arrays["image"])

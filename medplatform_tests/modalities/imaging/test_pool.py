"""Several processes read one delivery, and what comes of it is the same."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from medplatform.lake import Stage
from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.imaging.deidentify import Policy
from medplatform.modalities.imaging.isolation import Opened, ReadingProcess
from medplatform.modalities.imaging.pool import ReadingPool
from medplatform.modalities.imaging.reader import read_files
from medplatform.modalities.imaging.records import FrameCell
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity, KeyRing
from medplatform_tests.modalities.imaging.conftest import make_image, save


@pytest.fixture(scope="module")
def pool() -> Iterator[ReadingPool]:
    policy = Policy(clean_pixel_data=False)
    with ReadingPool([ReadingProcess(policy=policy) for _ in range(2)]) as pool:
        yield pool


def images(folder: Path, number: int) -> list[Path]:
    """Images of 2 to 1 + number columns."""
    return [
        save(make_image(np.zeros((3, 2 + n), np.uint16)), folder / f"{n:02d}.dcm")
        for n in range(number)
    ]


def test_answers_come_in_the_order_of_the_questions(pool: ReadingPool, tmp_path: Path) -> None:
    paths = images(tmp_path, 9)
    asked = [(number, path if number != 4 else None) for number, path in enumerate(paths)]
    widths = {}
    for number, opened in pool.read("dicom", asked):
        if opened is None:
            widths[number] = None
            continue
        assert isinstance(opened, Opened)
        widths[number] = [c.width for c in opened.cells if isinstance(c, FrameCell)]
    assert widths == {n: None if n == 4 else [2 + n] for n in range(9)}
    assert list(widths) == list(range(9))


def test_processes_that_are_killed_cost_no_file(pool: ReadingPool, tmp_path: Path) -> None:
    paths = images(tmp_path, 8)
    for number, opened in pool.read("dicom", list(enumerate(paths))):
        assert isinstance(opened, Opened)
        if number == 1:
            for process in pool.processes:
                assert process.pid
                os.kill(process.pid, signal.SIGKILL)


def test_the_rows_are_those_of_one_process(
    pool: ReadingPool, process: ReadingProcess, folder: Path, tmp_path: Path
) -> None:
    paths = images(folder, 7)
    (folder / "copy.dcm").write_bytes(paths[0].read_bytes())
    (folder / "bad.dcm").write_bytes(b"\x08\0" + bytes(200))
    (folder / "bad2.dcm").write_bytes(b"\x08\0" + bytes(200))
    save(make_image(PatientID=""), folder / "nobody.dcm")
    found = []
    for number, readers in enumerate((ReadingPool([process]), pool)):
        delivery = open_delivery(folder.parents[1], "imaging", folder.name)
        stage = Stage(tmp_path / f"stage-{number}", "g")
        identity = Identity(KeyRing(b"k" * 32), tmp_path / "vault", default_system="urn:mrn")
        read_files(delivery, stage, identity, readers, silent)
        stage.close()
        tables = {name: stage.read(name).to_pylist() for name in [*stage.tables(), "quarantine"]}
        found.append((tables, {key: value.model_dump() for key, value in stage.counts.items()}))
    assert found[0] == found[1]
    assert len(found[0][0]["imaging_frame"]) == 7
    codes = sorted(row["code"] for row in found[0][0]["quarantine"])
    assert codes.count("record.duplicate") == 1
    assert len(codes) == 4

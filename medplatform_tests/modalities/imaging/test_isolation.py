"""A file may kill the process that reads it; it is refused, and the next file is read."""

import os
import signal
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from medplatform.lake import Stage
from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.imaging import isolation, reader
from medplatform.modalities.imaging.dicom import read_dicom
from medplatform.modalities.imaging.isolation import Opened, ReadingProcess, ReadingProcessError
from medplatform.modalities.imaging.opening import open_dataset
from medplatform.modalities.imaging.pool import ReadingPool
from medplatform.modalities.imaging.records import Failure, FrameCell, Identified, Limits
from medplatform.modalities.imaging.sources import contents
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.conftest import (
    Ingested,
    make_image,
    save,
    save_picture,
)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return save(make_image(), tmp_path / "good.dcm")


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A file that never ends: a pipe to which nobody writes."""
    os.mkfifo(tmp_path / "endless.dcm")
    return tmp_path / "endless.dcm"


def test_a_file_that_takes_too_long_is_refused(image: Path, endless: Path) -> None:
    with ReadingProcess(Limits(seconds=2, clock_factor=1)) as process:
        assert process.read("dicom", endless) == Failure("dicom.timeout")
        assert isinstance(process.read("dicom", image), Opened)
        assert process.starts == 3


def test_a_file_that_takes_too_much_processor_time_is_refused_at_once(
    image: Path, tmp_path: Path
) -> None:
    forged = make_image(np.zeros((40_000, 1), np.uint8))
    forged.Rows, forged.Columns, forged.NumberOfFrames = 1, 1, 40_000
    path = save(forged, tmp_path / "many.dcm")
    with ReadingProcess(Limits(seconds=1, clock_factor=1000)) as process:
        assert process.read("dicom", path) == Failure("dicom.timeout")
        assert process.starts == 1
        assert isinstance(process.read("dicom", image), Opened)


def test_a_file_is_not_blamed_where_the_process_was_ended_from_outside(image: Path) -> None:
    with ReadingProcess() as process:
        process.identify(image)
        assert process.pid
        os.kill(process.pid, signal.SIGKILL)
        assert isinstance(process.read("dicom", image), Opened)
        process.submit("dicom", image)
        os.kill(process.pid, signal.SIGKILL)
        assert isinstance(process.receive(), Opened)
        assert process.starts == 3


def test_a_new_process_shares_no_elements_with_the_one_before(image: Path, tmp_path: Path) -> None:
    other = make_image()
    other.Manufacturer, other.BodyPartExamined, other.StudyDate = "ACME", "CHEST", "20200103"
    paths = [image, save(other, tmp_path / "other.dcm")]
    expected = [read_dicom(path, Limits()).header.prepared for path in paths]
    with ReadingProcess() as process:
        for path, prepared in zip(paths * 2, expected * 2, strict=True):
            opened = process.read("dicom", path)
            assert isinstance(opened, Opened)
            assert opened.header.prepared == prepared
            assert process.pid
            os.kill(process.pid, signal.SIGKILL)


def test_a_file_that_crashes_the_process_is_refused(image: Path, endless: Path) -> None:
    with ReadingProcess() as process, _killed_while_reading(process):
        assert process.read("dicom", endless) == Failure("dicom.crashed")
        assert isinstance(process.read("dicom", image), Opened)


def test_a_crash_while_a_file_is_identified_is_a_crash_of_the_file(
    image: Path, endless: Path
) -> None:
    with ReadingProcess() as process:
        found = process.identify(image)
        with _killed_while_reading(process):
            assert process.identify(endless) == Failure("dicom.crashed")
        assert process.identify(image) == found
        assert isinstance(found, Identified)
        assert all(found)


def test_nothing_of_a_crashed_file_reaches_the_lake(
    folder: Path, identity: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(make_image(), folder / "1.dcm")
    save(make_image(), folder / "3.dcm")
    (folder / "2.dcm").touch()
    delivery = open_delivery(folder.parents[1], "imaging", folder.name)
    (folder / "2.dcm").unlink()
    os.mkfifo(folder / "2.dcm")
    monkeypatch.setattr(contents, "read_head", lambda _: b"")  # it would wait for the pipe
    stage = Stage(tmp_path / "stage", "g")
    with ReadingProcess(Limits(seconds=2, clock_factor=1)) as process:
        reader.read_files(delivery, stage, identity, ReadingPool([process]), silent)
    stage.close()
    ingested = Ingested(delivery, stage)
    assert ingested.refusals() == {"dicom.timeout": 1}
    assert len(ingested.rows("instance")) == len(ingested.rows("frame")) == 2


def test_a_file_that_needs_too_much_memory_is_refused(tmp_path: Path, image: Path) -> None:
    large = save_picture(tmp_path / "large.png", np.zeros((9000, 9000), np.uint8))
    with ReadingProcess(Limits(memory_bytes=64 << 20)) as process:
        failure = process.read("picture", large)
        assert isinstance(failure, Failure)
        assert failure.code in ("dicom.too_large", "dicom.crashed")
        assert isinstance(process.read("dicom", image), Opened)


def test_a_deflated_file_is_inflated_up_to_the_limit_only(tmp_path: Path) -> None:
    path = save(make_image(), tmp_path / "bomb.dcm", DeflatedExplicitVRLittleEndian)
    head = path.read_bytes()
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    comment = b"\x10\x00\x00\x40UT\x00\x00" + (64 << 20).to_bytes(4, "little") + bytes(64 << 20)
    start = 144 + int.from_bytes(head[140:144], "little")
    path.write_bytes(head[:start] + deflater.compress(comment) + deflater.flush())
    assert path.stat().st_size < 1 << 20
    with ReadingProcess(Limits(pixel_bytes=8 << 20)) as process:
        assert process.read("dicom", path) == Failure("dicom.too_large")
        assert process.starts == 1


def test_a_deflated_file_at_the_limit_is_read(tmp_path: Path) -> None:
    path = save(make_image(), tmp_path / "1.dcm", DeflatedExplicitVRLittleEndian)
    assert open_dataset(path, Limits()).PatientID == "MRN-1"


def test_a_picture_of_forged_size_is_refused_before_it_is_decoded(
    tmp_path: Path, process: ReadingProcess
) -> None:
    path = save_picture(tmp_path / "1.png", np.zeros((4, 4), np.uint8))
    process.read("picture", path)
    content = bytearray(path.read_bytes())
    content[16:24] = (60000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)
    starts = process.starts
    assert process.read("picture", path) == Failure("dicom.too_large")
    assert process.starts == starts


def test_a_codestream_of_forged_size_is_refused(
    tmp_path: Path, image: Path, process: ReadingProcess
) -> None:
    import imagecodecs

    stream = bytearray(imagecodecs.jpeg2k_encode(np.zeros((4, 4), np.uint16), codecformat="j2k"))
    stream[8:16] = (1 << 17).to_bytes(4, "big") * 2  # SIZ: Xsiz, Ysiz
    stream[24:32] = (1 << 17).to_bytes(4, "big") * 2  # XTsiz, YTsiz
    dataset = make_image(PixelData=encapsulate([bytes(stream)]))
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    starts = process.starts
    failure = process.read("dicom", save(dataset, tmp_path / "1.dcm", JPEG2000Lossless))
    assert isinstance(failure, Failure)
    assert failure.code == "pixels.other_size"
    assert process.starts == starts
    assert isinstance(process.read("dicom", image), Opened)


def test_cells_that_nobody_took_do_not_reach_the_next_file(
    tmp_path: Path, image: Path, process: ReadingProcess
) -> None:
    picture = save_picture(tmp_path / "1.png", np.zeros((5, 5), np.uint8))
    assert isinstance(process.read("picture", picture), Opened)
    opened = process.read("dicom", image)
    assert isinstance(opened, Opened)
    assert [cell.height for cell in opened.cells if isinstance(cell, FrameCell)] == [3]


def test_no_process_is_left_behind(image: Path) -> None:
    with ReadingProcess() as process:
        process.read("dicom", image)
        pid = process.pid
        assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_installation_that_cannot_start_the_process_is_no_fault_of_the_files(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation.sys, "executable", "/bin/false")
    with ReadingProcess() as process, pytest.raises(ReadingProcessError, match="installed"):
        process.read("dicom", image)


@contextmanager
def _killed_while_reading(process: ReadingProcess) -> Iterator[None]:
    """Kill the reading process and the one after it, half a second after each has started."""
    starts = max(process.starts, 1)

    def kill() -> None:
        for number in (starts, starts + 1):
            while process.starts < number:
                time.sleep(0.01)
            time.sleep(0.5)
            assert process.pid
            os.kill(process.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    yield
    thread.join()

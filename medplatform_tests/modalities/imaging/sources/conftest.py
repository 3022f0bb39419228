"""Looks over deliveries without reading an image, and counts them a second time."""

import io
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.imaging.layout import Kind
from medplatform.modalities.imaging.sources import Contents, Refused
from medplatform.modalities.imaging.sources.count import count_records

DICOM = bytes(128) + b"DICM"
PNG = b"\x89PNG\r\n\x1a\n"


def dicom(text: str = "") -> bytes:
    """What is taken for a DICOM file; different for different texts."""
    return DICOM + text.encode()


def zip_of(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(members: Mapping[str, bytes], compression: str = "", *, is_gnu: bool = False) -> bytes:
    """A tar archive, plain or compressed with gz, bz2 or xz."""
    buffer = io.BytesIO()
    layout = tarfile.GNU_FORMAT if is_gnu else tarfile.PAX_FORMAT
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}", format=layout) as archive:  # pyright: ignore[reportCallIssue,reportArgumentType]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@dataclass(frozen=True)
class Found:
    """What a delivery was found to hold: contents by path, and codes of what is refused."""

    contents: Mapping[str, bytes]
    kinds: Mapping[str, Kind]
    numbers: list[int]
    refused: Counter[str]
    left_behind: list[Path]


@pytest.fixture
def look_over(folder: Path, tmp_path: Path) -> Callable[[], Found]:
    """Looks over the delivery twice, checks that both agree, and counts it independently."""

    def look() -> Found:
        delivery = open_delivery(folder.parents[1], "imaging", folder.name)
        contents, kinds, units = {}, {}, Counter()
        refused: Counter[str] = Counter()
        numbers = []
        spool = tmp_path / "stage"
        spool.mkdir(exist_ok=True)
        with Contents(delivery, spool) as found:
            for held in found.survey():
                if isinstance(held, Refused):
                    refused[held.code] += 1
                    units[held.unit] += 1
                    numbers.append(held.number)
                    continue
                with held:
                    item = held.item
                    assert item.relative.as_posix() not in contents
                    contents[item.relative.as_posix()] = held.path.read_bytes()
                    kinds[item.relative.as_posix()] = item.kind
                units[item.kind.unit] += 1
                numbers.append(item.number)
            for kind in Kind:
                for held in found.fetch(found.items(kind)):
                    with held:
                        path = held.item.relative.as_posix()
                        assert held.path.read_bytes() == contents[path]
        recount: Counter[str] = Counter()
        for source in delivery.sources:
            recount.update(count_records(source.path))
        recount.pop("label", None)
        assert recount == units
        return Found(contents, kinds, numbers, refused, list(spool.iterdir()))

    return look

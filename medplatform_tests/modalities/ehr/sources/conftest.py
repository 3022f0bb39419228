"""Files of any content, and what is cut out of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medplatform.modalities.ehr.count import count_resources
from medplatform.modalities.ehr.sources import Block, Deletion, Fault, read_blocks

A, B = b'{"resourceType":"Patient","id":"a"}', b'{"resourceType":"Patient","id":"b"}'


@dataclass(frozen=True)
class Found:
    """All that was read of a file."""

    blocks: list[Block]

    @property
    def lines(self) -> list[bytes]:
        return [line for block in self.blocks for line in block.lines]

    @property
    def places(self) -> list[tuple[int, int | None]]:
        """Number and offset of each record."""
        return [
            place
            for block in self.blocks
            for place in zip(block.numbers, block.offsets, strict=True)
        ]

    @property
    def ids(self) -> list[str]:
        return [json.loads(line)["id"] for line in self.lines]

    @property
    def aliases(self) -> list[dict[str, str]]:
        return [dict(block.aliases) for block in self.blocks]

    @property
    def full_urls(self) -> list[str | None]:
        return [url for block in self.blocks for url in block.full_urls]

    @property
    def deletions(self) -> list[Deletion]:
        return [deletion for block in self.blocks for deletion in block.deletions]

    @property
    def faults(self) -> list[Fault]:
        return [fault for block in self.blocks for fault in block.faults]

    @property
    def codes(self) -> list[tuple[int, str]]:
        """Number and code of each fault."""
        return [(fault.number, fault.issue.code) for fault in self.faults]

    @property
    def blank(self) -> int:
        return sum(block.blank for block in self.blocks)

    @property
    def delivered(self) -> int:
        return sum(block.delivered for block in self.blocks)


def read_file(path: Path, block_bytes: int = 8 << 20) -> Found:
    """Read a file and hold what is true of every file: all is counted, once, and in order."""
    found = Found(list(read_blocks(path, block_bytes=block_bytes)))
    numbers = sorted(
        [number for number, _ in found.places]
        + [fault.number for fault in found.faults]
        + [deletion.number for deletion in found.deletions]
    )
    assert len(set(numbers)) == len(numbers)
    assert numbers[-1:] <= [found.delivered]
    assert [number for number, _ in found.places] == sorted(number for number, _ in found.places)
    reached = [block.bytes_read for block in found.blocks]
    assert reached == sorted(reached)
    assert all(done <= path.stat().st_size for done in reached)
    assert not any(b"\n" in line or b"\r" in line for line in found.lines)
    assert count_resources(path) == found.delivered
    return found


Read = Callable[..., Found]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read bytes as a file with a name."""

    def read_bytes(data: bytes, name: str = "Patient.ndjson", block_bytes: int = 8 << 20) -> Found:
        path = tmp_path / name
        path.write_bytes(data)
        return read_file(path, block_bytes)

    return read_bytes


def entry(resource_id: str, **more: Any) -> dict[str, Any]:
    """A Bundle entry with a Patient."""
    return {"resource": {"resourceType": "Patient", "id": resource_id}, **more}


def deletion(url: str, **more: Any) -> dict[str, Any]:
    """A Bundle entry that deletes."""
    return {"request": {"method": "DELETE", "url": url}, **more}


def bundle(*entries: Any, **more: Any) -> dict[str, Any]:
    """A searchset Bundle."""
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(entries), **more}

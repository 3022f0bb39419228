"""One installation that fetches exports."""

import gzip
import json
from pathlib import Path
from typing import Any

from medplatform.bulk_export import ExportRequest, FetchedExport, Network, fetch_export
from medplatform.modalities.delivery import open_delivery

HASTY = Network(
    timeout_s=5, attempts=4, first_wait_s=0.005, longest_wait_s=0.02, longest_retry_after_s=0.1
)


class Site:
    """Landing, and what was said while fetching."""

    def __init__(self, root: Path, base_url: str) -> None:
        self.landing = root / "landing"
        self.base_url = base_url
        self.said: list[str] = []
        self.progress: list[tuple[str, int, int]] = []

    def request(self, **fields: Any) -> ExportRequest:
        return ExportRequest.of(base_url=self.base_url, **fields)

    def fetch(self, request: ExportRequest | None = None, **options: Any) -> FetchedExport:
        return fetch_export(
            request or self.request(),
            landing=self.landing,
            **{
                "network": HASTY,
                "notify": self.said.append,
                "progress": lambda *step: self.progress.append(step),
                "delivery": "first",
                **options,
            },
        )

    def delivered(self, name: str = "first") -> dict[str, bytes]:
        """The records that ingest would see: unpacked content by path."""
        delivery = open_delivery(self.landing, "ehr", name)
        return {
            source.path.relative_to(delivery.root).as_posix(): plain(source.path.read_bytes())
            for source in delivery.sources
        }

    @property
    def unfinished(self) -> list[str]:
        return [path.name for path in (self.landing / ".exports").glob("[!.]*")]


def plain(content: bytes) -> bytes:
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def ndjson(resource_type: str, count: int, size: int = 40) -> bytes:
    """So many resources with ids of their own, each of about so many bytes."""
    lines = (
        json.dumps({"resourceType": resource_type, "id": f"{resource_type}-{i}", "x": "y" * size})
        for i in range(count)
    )
    return "".join(f"{line}\n" for line in lines).encode()

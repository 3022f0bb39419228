"""A lake of hand-written rows, and what an export of it holds."""

from pathlib import Path
from typing import Any

import polars as pl

from medplatform.lake import Lake
from medplatform.meds import Export, export_meds
from medplatform.meds.shards import SCHEMA


class Site:
    """A lake and a folder of exports below one root."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root / "lake")
        self.folder = root / "exports" / "meds"

    def export(self, **options: Any) -> Export:
        self.result = export_meds(self.lake, self.folder, **options)
        return self.result

    def events(self) -> pl.DataFrame:
        """All events, by shard."""
        files = sorted((self.folder / "data").rglob("*.parquet"))
        empty = pl.DataFrame(SCHEMA.empty_table())
        return pl.concat([empty, *(pl.read_parquet(path) for path in files)])

    def codes(self) -> dict[str, dict[str, Any]]:
        rows = pl.read_parquet(self.folder / "metadata" / "codes.parquet").to_dicts()
        return {row["code"]: row for row in rows}

    def content(self) -> dict[str, bytes]:
        """Path below the export -> bytes."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}

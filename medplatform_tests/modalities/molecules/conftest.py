import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery, open_delivery
from medplatform.modalities.modality import silent
from medplatform.modalities.molecules import MOLECULES
from medplatform.privacy import Identity, KeyRing
from medplatform_tests.public_data import PUBLIC_DATA


@dataclass
class Reading:
    """A delivery that was read, for tests to look at."""

    delivery: Delivery
    stage: Stage

    def molecules(self) -> list[dict]:
        return self._rows("molecules_molecule")

    def assays(self) -> list[dict]:
        return self._rows("molecules_assay")

    def values(self) -> list[tuple]:
        """Record, assay, number, relation, unit and text of each value."""
        names = ("record_number", "assay_name", "value_number", "value_relation", "value_unit")
        return [tuple(row[name] for name in (*names, "value_text")) for row in self.assays()]

    def notes(self, severity: str) -> list[tuple[int, str, str | None]]:
        rows = self.stage.read("quarantine").to_pylist() if self.stage.refusals else []
        return [
            (row["record_number"], row["code"], row["element"])
            for row in rows
            if row["severity"] == severity
        ]

    def errors(self) -> list[tuple[int, str]]:
        return [(number, code) for number, code, _ in self.notes("error")]

    def counts(self) -> dict[str, tuple[int, int, int, int, int]]:
        """Unit -> delivered, accepted, quarantined, blank, kept over all files."""
        total: Counter[tuple[str, str]] = Counter()
        fields = ("delivered", "accepted", "quarantined", "blank", "kept")
        for (_, unit), counts in self.stage.counts.items():
            total.update({(unit, field): getattr(counts, field) for field in fields})
        units = {unit for unit, _ in total}
        return {unit: tuple(total[unit, field] for field in fields) for unit in units}  # pyright: ignore

    def _rows(self, table: str) -> list[dict]:
        return self.stage.read(table).to_pylist() if table in self.stage.tables() else []


Read = Callable[..., Reading]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads files, given by name as text, bytes or path, and looks whether the counts add up."""

    def run(files: dict[str, str | bytes | Path], **options: object) -> Reading:
        folder = tmp_path / "landing" / "molecules" / "d"
        folder.mkdir(parents=True)
        for name, content in files.items():
            if isinstance(content, Path):
                (folder / name).symlink_to(content)
            else:
                data = content.encode() if isinstance(content, str) else content
                (folder / name).write_bytes(data)
        if options:
            (folder / "delivery.json").write_text(json.dumps(options))
        (folder / "_DONE").touch()
        delivery = open_delivery(tmp_path / "landing", "molecules", "d")
        stage = Stage(tmp_path / "stage", "0")
        MOLECULES.read(delivery, stage, Identity(KeyRing(bytes(32)), tmp_path / "vault"), silent)
        stage.close()
        _assert_counts_add_up(delivery, stage)
        return Reading(delivery, stage)

    return run


def _assert_counts_add_up(delivery: Delivery, stage: Stage) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for source in delivery.sources:
        for unit, amount in MOLECULES.count_records(source).items():
            expected[source.source_id, unit] += amount
    assert {key: c.delivered for key, c in stage.counts.items() if c.delivered} == +expected
    assert all(counts.is_balanced for counts in stage.counts.values())


@pytest.fixture(scope="session")
def public_molecules() -> Path:
    folder = PUBLIC_DATA / "molecules"
    if not folder.is_dir():
        pytest.skip(f"no public molecules at {folder}")
    return folder

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from medplatform.lake import Lake, Stage
from medplatform.modalities.delivery import Delivery, deliver, open_delivery
from medplatform.modalities.genomics import GENOMICS
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity, KeyRing
from medplatform_tests.public_data import PUBLIC_DATA

HEADER = """\
##fileformat=VCFv4.2
##contig=<ID=chr1,length=248956422>
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO"""
SAMPLES = ("S1", "S2")


def vcf(*records: str, samples: tuple[str, ...] = SAMPLES, header: str = HEADER) -> bytes:
    """A VCF file; records are written with spaces for tabs."""
    columns = ["FORMAT", *samples] if samples else []
    lines = ["\t".join([header, *columns]), *(record.replace(" ", "\t") for record in records)]
    return ("\n".join(lines) + "\n").encode()


def crosswalk(*samples: str) -> bytes:
    rows = [f"{sample},patient-{sample}" for sample in samples]
    return "\n".join(["sample_id,patient_id", *rows, ""]).encode()


@dataclass
class Reading:
    """A delivery that was read, for tests to look at."""

    delivery: Delivery
    stage: Stage
    identity: Identity

    def rows(self, table: str) -> list[dict]:
        if table not in self.stage.tables():
            return []
        return self.stage.read(f"{table}").to_pylist()

    def refusals(self) -> list[dict]:
        return self.stage.read("quarantine").to_pylist() if self.stage.refusals else []

    def errors(self) -> list[tuple[str, int, str]]:
        return [
            (row["unit"], row["record_number"], row["code"])
            for row in self.refusals()
            if row["severity"] == "error"
        ]

    def warnings(self) -> list[tuple[int, str]]:
        return [
            (row["record_number"], row["code"])
            for row in self.refusals()
            if row["severity"] == "warning"
        ]

    def counts(self, name: str) -> dict[str, tuple[int, int, int, int, int]]:
        """Unit -> delivered, accepted, quarantined, blank, kept of the file of that name.

        Without the lines of its header.
        """
        ids = {s.source_id for s in self.delivery.sources if s.path.name == name}
        return {
            unit: (c.delivered, c.accepted, c.quarantined, c.blank, c.kept)
            for (source_id, unit), c in self.stage.counts.items()
            if source_id in ids and unit != "header"
        }

    def assert_counts_add_up(self) -> None:
        expected: dict[tuple[str, str], int] = {}
        for source in self.delivery.sources:
            for unit, amount in GENOMICS.count_records(source).items():
                key = (source.source_id, unit)
                expected[key] = expected.get(key, 0) + amount
        assert {key: c.delivered for key, c in self.stage.counts.items()} == expected
        for counts in self.stage.counts.values():
            assert counts.is_balanced
        written = {
            name: self.stage.rows_staged(f"genomics_{name}") for name in ("variant", "sample")
        }
        written["variant"] += self._block_records()
        for unit, rows in written.items():
            accepted = sum(c.accepted for (_, u), c in self.stage.counts.items() if u == unit)
            assert rows == accepted

    def _block_records(self) -> int:
        """Records that are reference blocks: a block has a row per sample."""
        if "genomics_block" not in self.stage.tables():
            return 0
        rows = self.stage.read("genomics_block", ["source_id", "record_number"])
        return rows.group_by(["source_id", "record_number"]).aggregate([]).num_rows


Read = Callable[..., Reading]
Publish = Callable[..., None]


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity(KeyRing(bytes(32)), tmp_path / "vault")


@pytest.fixture
def read(tmp_path: Path, identity: Identity) -> Read:
    """Read files, given as name -> bytes or path, as one delivery."""

    def read_files(files: dict[str, bytes | Path], **options: str) -> Reading:
        folder = tmp_path / "landing" / "genomics" / "delivery"
        folder.mkdir(parents=True)
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            if isinstance(content, Path):
                path.symlink_to(content)
            else:
                path.write_bytes(content)
        if options:
            (folder / "delivery.json").write_text(json.dumps(options))
        delivery = open_delivery(tmp_path / "landing", "genomics", "delivery")
        stage = Stage(tmp_path / "stage", "g0")
        GENOMICS.read(delivery, stage, identity, silent)
        stage.close()
        return Reading(delivery, stage, identity)

    return read_files


@pytest.fixture
def read_records(read: Read) -> Callable[..., Reading]:
    """Read one file of the given records, two samples that are linked to patients."""

    def read_lines(*records: str, samples: tuple[str, ...] = SAMPLES, **options: str) -> Reading:
        files = {"calls.vcf": vcf(*records, samples=samples), "crosswalk.csv": crosswalk(*samples)}
        return read(files, **options)

    return read_lines


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def publish(tmp_path: Path, lake: Lake, identity: Identity) -> Publish:
    """Read a delivery of the given files and publish it."""

    def publish_files(name: str, files: dict[str, bytes], **options: str) -> None:
        folder = tmp_path / "in" / name
        folder.mkdir(parents=True)
        for file_name, content in files.items():
            (folder / file_name).write_bytes(content)
        landing = tmp_path / "landing"
        deliver(folder, landing, "genomics", name, dict(options))
        delivery = open_delivery(landing, "genomics", name)
        with lake.stage("genomics", name, "g0") as stage:
            GENOMICS.read(delivery, stage, identity, silent)
            lake.publish(
                stage,
                modality="genomics",
                delivery=name,
                status="published",
                content_digest=delivery.content_digest,
                sources=[],
                started_at=datetime.now(UTC),
            )

    return publish_files


@pytest.fixture(scope="session")
def public_vcf() -> Path:
    """Folder of public VCF files beside the checkout."""
    folder = PUBLIC_DATA / "vcf"
    if not folder.is_dir():
        pytest.skip(f"no public VCF files in {folder}: set MEDPLATFORM_TEST_DATA")
    return folder

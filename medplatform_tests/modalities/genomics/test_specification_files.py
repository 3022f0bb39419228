"""The specification's own files: what is wrong in each failed file is found, and nothing else."""

from collections import defaultdict
from pathlib import Path

import pytest

from medplatform.lake import Stage
from medplatform.modalities.delivery import open_delivery
from medplatform.modalities.genomics import GENOMICS
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity, KeyRing
from medplatform_tests.modalities.genomics.conftest import Reading
from medplatform_tests.public_data import PUBLIC_DATA

FOLDER = PUBLIC_DATA / "hts-specs-vcf"
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("4.*/*/*.vcf"))

REMARKS = {
    "contiguous_000": "record.unsorted",
    "contiguous_001": "record.unsorted",
    "unsorted_000": "record.unsorted",
    "duplicated_001": "allele.repeated",
    "duplicated_003": "allele.repeated",
}
"""Every record of these can be used, so that they are only remarked on."""


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str]]]:
    """Severity and code of what was found in each file, in one pass over all of them."""
    scratch = tmp_path_factory.mktemp("specification")
    folder = scratch / "landing" / "genomics" / "all"
    folder.mkdir(parents=True)
    for number, name in enumerate(FILES):
        # A remark makes files of equal content differ, which would be read once.
        text = (FOLDER / name).read_bytes()
        first, _, rest = text.partition(b"\n")
        (folder / f"{number}.vcf").write_bytes(first + f"\n##file={number}\n".encode() + rest)
    (folder / "delivery.json").write_text('{"subjects": "per_record"}')
    delivery = open_delivery(scratch / "landing", "genomics", "all")
    stage = Stage(scratch / "stage", "g0")
    GENOMICS.read(delivery, stage, Identity(KeyRing(bytes(range(32))), scratch / "vault"), silent)
    stage.close()
    reading = Reading(delivery, stage, Identity(KeyRing(bytes(range(32))), scratch / "vault"))
    reading.assert_counts_add_up()
    names = {s.source_id: FILES[int(s.path.stem)] for s in delivery.sources}
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in reading.refusals():
        found[names[row["source_id"]]].append((row["severity"], row["code"]))
    return found


@pytest.mark.skipif(not FILES, reason="the files of the specification are not beside the checkout")
def test_there_are_files_of_both_kinds() -> None:
    kinds = {Path(name).parent.name for name in FILES}
    assert kinds == {"failed", "passed"}


@pytest.mark.parametrize("name", [name for name in FILES if "/failed/" in name])
def test_a_failed_file_is_refused_or_one_of_its_lines_is(
    findings: dict[str, list[tuple[str, str]]], name: str
) -> None:
    found = findings.get(name, [])
    remark = REMARKS.get(Path(name).stem.removeprefix("failed_body_"))
    if remark:
        assert ("warning", remark) in found
    else:
        assert any(severity == "error" for severity, _ in found)


@pytest.mark.parametrize("name", [name for name in FILES if "/passed/" in name])
def test_a_passed_file_is_accepted_whole(
    findings: dict[str, list[tuple[str, str]]], name: str
) -> None:
    found = findings.get(name, [])
    assert [code for severity, code in found if severity == "error"] == []

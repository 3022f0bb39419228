"""A reason counts with the records that it refused, one by one or as a whole file."""

import gzip
import re
from pathlib import Path

import pytest

from medplatform.cli.refused import RECORD, count_records, read_quarantine
from medplatform.lake import Lake
from medplatform_tests.cli.conftest import Terminal
from medplatform_tests.modalities.genomics.conftest import HEADER, crosswalk, vcf

GOOD = [f"chr1 {place} . A G . . . GT 0/1 0/0" for place in range(1, 31)]
# Of six reasons two records each, so that the most frequent five leave one out.
BROKEN = ["x . A G . .", "7 . A G zz .", "9 . A 1 . .", "300000000 . A G . .", "11 a;;b A G . ."]
RECORDS = [f"chr1 {text} . GT 0/1 0/0" for text in BROKEN for _ in range(2)] + ["chr1 5"] * 2
CONFLICT = HEADER.replace("#CHROM", "##reference=hg19.fa\n#CHROM")


@pytest.fixture
def calls(terminal: Terminal, tmp_path: Path) -> Path:
    """A folder of a file whose records are broken, and one that is refused as a whole.

    Of the latter 30 records, 4 lines of its header and 2 samples.
    """
    assert terminal.run("key", "create").exit_code == 0
    folder = tmp_path / "calls"
    folder.mkdir()
    (folder / "a.vcf").write_bytes(vcf(*RECORDS))
    (folder / "b.vcf").write_bytes(vcf(*GOOD, header=CONFLICT))
    (folder / "crosswalk.csv").write_bytes(crosswalk("S1", "S2"))
    return folder


def counted(terminal: Terminal) -> dict[str, int]:
    """Code -> records of the only delivery."""
    lake = Lake(terminal.settings.lake)
    (entry,) = lake.ledger.entries()
    found = read_quarantine(entry, lake)
    assert found is not None
    counts = count_records(found.filter(severity="error"), ["code"], RECORD)
    return dict(counts.collect().iter_rows())


def refused(terminal: Terminal) -> int:
    (entry,) = Lake(terminal.settings.lake).ledger.entries()
    return sum(count.quarantined for count in entry.counts().values())


def records_of(output: str) -> list[tuple[str, int]]:
    """Code and records of the rows of a table of causes."""
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines()]
    return [(row[3], int(row[5])) for row in cells if len(row) == 9 and row[3]]


def test_a_file_refused_as_a_whole_is_the_most_frequent_reason_of_an_ingest(
    terminal: Terminal, calls: Path
) -> None:
    read = terminal.run("ingest", "genomics", calls)
    _, _, reasons = read.output.partition("the most frequent reasons")
    codes = re.findall(r"│ +([a-z_]+\.[a-z_]+) +│ +([0-9]+) ", reasons)
    assert codes[0] == ("build.conflict", "36")
    assert [number for _, number in codes[1:]] == ["2"] * 4


def test_causes_add_up_to_what_was_refused(terminal: Terminal, calls: Path) -> None:
    terminal.run("ingest", "genomics", calls)
    by_reason, _, causes = terminal.run("quarantine").output.partition("Refused: ")
    assert causes.startswith("48 records")
    rows = records_of(causes)
    assert rows[0] == ("build.conflict", 36)
    assert sum(number for _, number in rows) == refused(terminal) == 48
    assert re.search(r"build\.conflict +│ +36 │ +1 ", by_reason)


def test_one_reason_counts_all_records_of_its_files(terminal: Terminal, calls: Path) -> None:
    (calls / "c.vcf").write_bytes(vcf(*GOOD[:7], header=CONFLICT))
    terminal.run("ingest", "genomics", calls)
    shown = terminal.run("quarantine", "--code", "build.conflict").output
    assert "Refused: 49 records" in shown
    assert [number for _, number in records_of(shown)] == [36, 13]


def test_a_copy_of_a_file_counts_with_the_records_that_were_not_read_again(
    terminal: Terminal, calls: Path
) -> None:
    (calls / "b.vcf").write_bytes((calls / "a.vcf").read_bytes())
    terminal.run("ingest", "genomics", calls)
    found = counted(terminal)
    # Twelve records, three lines of the header and two samples, none of them read twice.
    assert found["file.duplicate"] == 17
    assert sum(found.values()) == refused(terminal)


def test_of_several_reasons_for_a_file_the_first_has_its_records(
    terminal: Terminal, calls: Path
) -> None:
    for name in ("a.vcf", "b.vcf"):
        (calls / name).unlink()
    cut = gzip.compress(vcf(*GOOD, header=CONFLICT))[:-4]
    (calls / "b.vcf.gz").write_bytes(cut)
    terminal.run("ingest", "genomics", calls)
    found = counted(terminal)
    assert found == {"build.conflict": refused(terminal) - 1, "file.truncated": 1}
    assert found["build.conflict"] > 1

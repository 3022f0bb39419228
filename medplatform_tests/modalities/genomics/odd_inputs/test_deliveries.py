"""What is odd between the files of a delivery, and in sets of sequences and of molecules."""

import gzip
import os
from pathlib import Path

import pytest

from medplatform.modalities.genomics.genotypes.packed import unpack
from medplatform_tests.modalities.genomics.conftest import Read, Reading, crosswalk, vcf
from medplatform_tests.modalities.genomics.odd_inputs.conftest import HEADER, ReadFile
from medplatform_tests.modalities.genomics.test_files import bgzip
from medplatform_tests.modalities.molecules.conftest import Read as ReadMolecules

RECORD = "chr1 100 . A G 50 PASS . GT 0/1 1/1"


def genotypes_of(reading: Reading, patient: str) -> list[list[int]]:
    """The genotypes of a patient in all files, sorted."""
    patient_id = reading.identity.subject(None, patient).patient_id
    cells = {row["cohort_id"]: row for row in reading.rows("genomics_genotype")}
    return sorted(
        unpack(cell["genotypes"], cell["sample_count"])[0][row["sample_index"]].tolist()
        for row in reading.rows("genomics_sample")
        if row["patient_id"] == patient_id
        for cell in [cells[row["cohort_id"]]]
    )


def test_chr1_and_1_in_two_files(read: Read) -> None:
    files = {
        "a.vcf": vcf(RECORD, header=HEADER),
        "b.vcf": vcf(RECORD.removeprefix("chr"), header=HEADER.replace("ID=chr1", "ID=1")),
        "crosswalk.csv": crosswalk("S1", "S2"),
    }
    reading = read(files)
    assert reading.refusals() == []
    first, second = reading.rows("genomics_variant")
    assert first["chromosome"] == second["chromosome"] == "1"
    assert first["variant_id"] == second["variant_id"]


def test_chr1_and_1_in_one_file(read_file: ReadFile) -> None:
    reading = read_file(vcf(RECORD, RECORD.removeprefix("chr"), header=HEADER))
    assert reading.errors() == [("variant", HEADER.count("\n") + 3, "record.duplicate")]
    assert len(reading.rows("genomics_variant")) == 1


def test_samples_in_another_order(read: Read) -> None:
    """Genotypes go to the patient of the name, not of the column."""
    files = {
        "a.vcf": vcf(RECORD, header=HEADER),
        "b.vcf": vcf(RECORD.replace("100", "200"), samples=("S2", "S1"), header=HEADER),
        "crosswalk.csv": crosswalk("S1", "S2"),
    }
    reading = read(files)
    assert reading.refusals() == []
    assert genotypes_of(reading, "patient-S1") == [[0, 1], [1, 1]]
    assert genotypes_of(reading, "patient-S2") == [[0, 1], [1, 1]]


def test_a_sample_in_two_files_with_other_genotypes(read: Read) -> None:
    """Both are kept, each under its file."""
    files = {
        "a.vcf": vcf("chr1 100 . A G 50 PASS . GT 0/1", samples=("S1",), header=HEADER),
        "b.vcf": vcf("chr1 100 . A G 50 PASS . GT 1/1", samples=("S1",), header=HEADER),
        "crosswalk.csv": crosswalk("S1"),
    }
    reading = read(files)
    assert reading.errors() == []
    assert genotypes_of(reading, "patient-S1") == [[0, 1], [1, 1]]
    first, second = reading.rows("genomics_sample")
    assert first["sample_id"] == second["sample_id"]
    assert first["cohort_id"] != second["cohort_id"]
    assert len({row["variant_id"] for row in reading.rows("genomics_variant")}) == 1


def test_a_name_that_plink_doubled(read: Read) -> None:
    files = {
        "calls.vcf": vcf(RECORD, samples=("HG00096_HG00096", "HG00097"), header=HEADER),
        "crosswalk.csv": crosswalk("HG00096", "HG00097"),
    }
    reading = read(files)
    assert reading.errors() == [("sample", 1, "subject.unresolved")]
    assert "FID_IID" in reading.refusals()[0]["reason"]
    assert reading.counts("calls.vcf")["sample"] == (2, 1, 1, 0, 0)
    assert genotypes_of(reading, "patient-HG00097") == [[1, 1]]


@pytest.mark.parametrize(("age", "remarks"), [(60, ["index.outdated"]), (-60, [])])
def test_an_index_older_than_its_file(
    read: Read, tmp_path: Path, age: int, remarks: list[str]
) -> None:
    data, index = tmp_path / "calls.vcf.gz", tmp_path / "calls.vcf.gz.tbi"
    data.write_bytes(bgzip(vcf(RECORD, header=HEADER)))
    index.write_bytes(gzip.compress(b"TBI\x01" + bytes(100)))
    for path, second in ((data, 1_000_000), (index, 1_000_000 - age)):
        os.utime(path, (second, second))
    reading = read({data.name: data, index.name: index, "crosswalk.csv": crosswalk("S1", "S2")})
    assert reading.errors() == []
    assert [code for _, code in reading.warnings()] == remarks
    assert reading.counts(index.name) == {"file": (1, 0, 0, 0, 1)}
    assert reading.counts(data.name)["variant"] == (1, 1, 0, 0, 0)


def test_sequences_with_n_in_lower_case_and_of_several_lengths(read: Read) -> None:
    reading = read({"set.fa": b">a\nACGTN\n>b\nacgtACGTAA\n>c\nNNN\n"})
    assert reading.refusals() == []
    names = ("sequence", "length", "n_count", "masked_count")
    rows = reading.rows("genomics_sequence")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("ACGTN", 5, 1, 0),
        ("ACGTACGTAA", 10, 0, 4),
        ("NNN", 3, 3, 0),
    ]
    assert reading.counts("set.fa") == {"sequence": (3, 3, 0, 0, 0)}


def test_smiles_that_are_no_molecule(read_molecules: ReadMolecules) -> None:
    reading = read_molecules({"set.csv": "smiles,y\nCCO,1\nCN(C)(C)C,0\nCC[Cl].,1\nCO,1\n"})
    assert reading.errors() == [(3, "molecule.valence"), (4, "smiles.syntax")]
    assert [row["smiles"] for row in reading.molecules()] == ["CCO", "CO"]
    assert reading.counts() == {"molecule": (4, 2, 2, 0, 0)}


def test_salts(read_molecules: ReadMolecules) -> None:
    reading = read_molecules({"set.csv": "smiles,y\nCCN.[Cl],1\nCCN.Cl,1\nCCN,1\n"})
    assert reading.errors() == []
    rows = reading.molecules()
    assert {row["smiles"] for row in rows} == {"CCN"}
    assert [row["was_salt_stripped"] for row in rows] == [True, True, False]
    assert [row["duplicate_of"] for row in rows] == [None, 2, 2]


def test_a_table_of_molecules_with_line_ends_of_windows_and_blank_lines(
    read_molecules: ReadMolecules,
) -> None:
    reading = read_molecules({"set.csv": "smiles,y\r\n\r\nCCO,1\r\n\r\nCO,0\r\n"})
    assert reading.errors() == []
    assert [value[2] for value in reading.values()] == [1, 0]
    assert reading.counts() == {"molecule": (4, 2, 0, 2, 0)}


def test_two_releases_of_a_set_of_molecules(read_molecules: ReadMolecules) -> None:
    """Each is counted by itself, and what they share is the same molecule."""
    reading = read_molecules(
        {"a.csv": "smiles,y\nCCO,1\nCO,0\n", "b.csv": "mol_id,smiles,y\nm1,OCC,1\nm2,CC,\n"}
    )
    assert reading.errors() == []
    assert reading.counts() == {"molecule": (4, 4, 0, 0, 0)}
    rows = reading.molecules()
    assert len({row["molecule_id"] for row in rows}) == 3
    assert len({row["source_id"] for row in rows}) == 2

"""Public data sets of molecules: what is known of them comes out."""

import gzip
from pathlib import Path

import pytest

from medplatform.modalities.delivery import Source
from medplatform.modalities.molecules import MOLECULES
from medplatform.modalities.molecules.split import scaffold_split
from medplatform_tests.modalities.molecules.conftest import Read

pytestmark = pytest.mark.real


def test_blood_brain_barrier(read: Read, public_molecules: Path) -> None:
    reading = read({"BBBP.csv.gz": public_molecules / "attentivefp/data/BBBP.csv.gz"})
    assert reading.counts() == {"molecule": (2050, 2039, 11, 0, 0)}
    assert {code for _, code in reading.errors()} == {"molecule.valence"}
    rows = reading.molecules()
    assert len(reading.assays()) == 2039
    numbers = [str(row["record_number"]) for row in rows]
    split = scaffold_split(numbers, [row["scaffold_smiles"] for row in rows])
    assert [len(part) for part in split] == [1631, 204, 204]


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("attentivefp/data/HIV.csv.gz", 41127),
        ("attentivefp/data/tox21.csv.gz", 7831),
        ("deepchem/datasets/tox21.csv.gz", 8014),
    ],
)
def test_data_sets_have_the_records_that_are_published(
    public_molecules: Path, name: str, records: int
) -> None:
    path = public_molecules / name
    source = Source(path, "", 0)
    lines = gzip.decompress(path.read_bytes()).splitlines()[1:]
    blank = sum(not line.strip() for line in lines)
    assert MOLECULES.count_records(source)["molecule"] - blank == records


def test_the_beginning_of_the_largest_set(read: Read, public_molecules: Path) -> None:
    content = gzip.decompress((public_molecules / "attentivefp/data/HIV.csv.gz").read_bytes())
    lines = content.splitlines(keepends=True)[:601]
    reading = read({"HIV.csv": b"".join(lines)})
    delivered, accepted, quarantined, blank, _ = reading.counts()["molecule"]
    assert delivered == 600
    assert blank == sum(not line.strip() for line in lines[1:])
    assert accepted + quarantined == delivered - blank
    assert quarantined <= 3
    assert {value[1] for value in reading.values()} == {"activity", "HIV_active"}
    assert {value[5] for value in reading.values() if value[1] == "activity"} == {"CA", "CI", "CM"}


CHEMPROP = {
    "regression/rxn/rxn.csv": {"molecule.reaction"},
    "regression/rxn+mol/rxn+mol.csv": {"table.several_smiles_columns"},
    "classification/mol+mol.csv": {"table.several_smiles_columns"},
    "regression/weights.csv": {"table.no_smiles_column"},
    "regression/bounded.csv": set(),
    "regression/mol/mol_with_splits.csv": set(),
}


@pytest.mark.parametrize(("name", "codes"), CHEMPROP.items())
def test_files_of_other_shapes(
    read: Read, public_molecules: Path, name: str, codes: set[str]
) -> None:
    reading = read({"t.csv": public_molecules / "chemprop/tests/data" / name})
    assert {code for _, code in reading.errors()} == codes
    accepted = reading.counts()["molecule"][1]
    assert (accepted == 0) == bool(codes)
    if name.endswith("bounded.csv"):
        assert {"<", ">"} <= {value[3] for value in reading.values()}
    if name.endswith("splits.csv"):
        assert {"train", "val"} <= {row["delivered_split"] for row in reading.molecules()}

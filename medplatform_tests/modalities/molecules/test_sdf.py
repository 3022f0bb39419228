"""SDF files: molfiles of both versions with properties; one that is damaged harms no other."""

import gzip

import pytest
from rdkit import Chem

from medplatform_tests.modalities.molecules.conftest import Read


def record(smiles: str, title: str = "", *, v3000: bool = False, **properties: str) -> str:
    molecule = Chem.MolFromSmiles(smiles)
    molecule.SetProp("_Name", title)
    lines = [f">  <{name}>\n{value}\n" for name, value in properties.items()]
    block = Chem.MolToMolBlock(molecule, forceV3000=v3000)
    return block + "\n".join([*lines, "$$$$\n"])


@pytest.mark.parametrize("v3000", [False, True])
def test_records_with_properties(read: Read, v3000: bool) -> None:
    text = record("C[C@H](N)C(=O)O", "ala", v3000=v3000, pIC50="6.5", remark="<3")
    text += record("CC(=O)[O-].[Na+]", v3000=v3000, CHEMBL_ID="CHEMBL1", pIC50="")
    reading = read({"a.sdf.gz": gzip.compress(text.encode())})
    rows = reading.molecules()
    assert [(r["record_number"], r["compound_name"], r["smiles"]) for r in rows] == [
        (1, "ala", "C[C@H](N)C(=O)O"),
        (2, "CHEMBL1", "CC(=O)O"),
    ]
    assert rows[0]["delivered_smiles"] is None
    assert rows[0]["stereo_center_count"] == 1
    assert [value[:4] for value in reading.values()] == [
        (1, "pIC50", 6.5, "="),
        (1, "remark", 3, "<"),
    ]


def test_reading_goes_on_behind_a_damaged_record(read: Read) -> None:
    damaged = record("CCO").replace("M  END", "")
    valence = record("CN(C)C").replace("  1  2  1  0", "  1  2  3  0")
    counts = record("CCN").replace("  3  2  0", "  9  2  0")
    merged = record("CO").replace("$$$$\n", "") + record("CC")
    pattern = record("CC").replace(" C   0", " R#  0", 1)
    text = "".join([damaged, valence, counts, merged, "\n$$$$\n", pattern, record("CS", "last")])
    reading = read({"a.sdf": text.replace("\n", "\r\n")})
    assert reading.errors() == [
        (1, "sdf.malformed"),
        (2, "molecule.valence"),
        (3, "sdf.malformed"),
        (4, "sdf.merged"),
        (6, "molecule.wildcard"),
    ]
    assert [row["compound_name"] for row in reading.molecules()] == ["last"]
    assert reading.counts() == {"molecule": (7, 1, 5, 1, 0)}


def test_a_molfile_needs_no_end_of_record(read: Read) -> None:
    reading = read({"a.mol": record("CCO", "ethanol").replace("$$$$\n", "")})
    assert [row["smiles"] for row in reading.molecules()] == ["CCO"]


def test_a_property_that_occurs_twice(read: Read) -> None:
    text = record("CCO", y="1").replace("$$$$", ">  <y>\n2\n\n$$$$")
    reading = read({"a.sdf": text})
    assert [value[2] for value in reading.values()] == [1]
    assert reading.notes("warning") == [(1, "sdf.repeated_property", "property 2")]


def test_names_of_properties_stay_out_of_the_remarks(read: Read) -> None:
    text = record("CCO", a="1").replace("$$$$", f">  <Muster>\n{'x' * 65}\n\n$$$$")
    text += record("CCO", a="2").replace("$$$$", ">  <Muster>\n2\n\n" * 2 + "$$$$")
    reading = read({"a.sdf": text})
    assert reading.notes("warning") == [
        (1, "assay.text_too_long", "property 2"),
        (2, "sdf.repeated_property", "property 3"),
        (2, "assay.conflict", "property 1"),
    ]


def test_a_property_is_the_same_wherever_it_stands_in_its_record(read: Read) -> None:
    text = record("CCO", y="1", z="1,5") + record("CCC", z="2,5", y="lost") + record("CC", y="no")
    reading = read({"a.sdf": text})
    assert reading.notes("warning") == [
        (1, "assay.decimal_comma", "property 2"),
        (2, "assay.text", "property 2"),
    ]


@pytest.mark.timeout(60)  # where each bracket is looked for again it takes an hour
def test_a_line_of_brackets_takes_no_longer_than_another(read: Read) -> None:
    text = record("CCO").replace("$$$$", f">{'<' * 500_000}\n\n>  <y>\n1\n\n$$$$")
    reading = read({"a.sdf": text})
    assert [value[:3] for value in reading.values()] == [(1, "y", 1)]


def test_a_record_without_end_does_not_fill_the_memory(read: Read) -> None:
    text = record("CCO", "first") + "x" * 99 + "\n" + ("y" * 1000 + "\n") * 3000
    reading = read({"a.sdf": text})
    assert reading.errors() == [(2, "record.too_large")]


def test_a_file_that_breaks_off_within_a_record(read: Read) -> None:
    whole = gzip.compress("".join(record("C" * 20, f"m{n}") for n in range(300)).encode())
    reading = read({"a.sdf.gz": whole[: len(whole) // 2]})
    last = len(reading.molecules()) + 1
    assert reading.errors() == [(last, "record.cut"), (0, "file.truncated")]

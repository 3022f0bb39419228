"""How the records of a file become rows, and what becomes of those that do not."""

import gzip

import pytest

from medplatform_tests.modalities.molecules.conftest import Read


def test_lines_of_smiles_and_names(read: Read) -> None:
    reading = read({"a.smi": "CCO ethanol\nCC(=O)O\tacetic acid\n\nC1CC\nCO\n"})
    rows = [(r["record_number"], r["smiles"], r["compound_name"]) for r in reading.molecules()]
    assert rows == [(1, "CCO", "ethanol"), (2, "CC(=O)O", "acetic acid"), (5, "CO", None)]
    assert reading.errors() == [(4, "smiles.syntax")]
    assert reading.counts() == {"molecule": (5, 3, 1, 1, 0)}


def test_a_first_line_may_name_the_columns_of_a_smiles_file(read: Read) -> None:
    reading = read({"a.smi": "smiles name\nC[C@H](F)Cl |&1:1| racemate\n"})
    (row,) = reading.molecules()
    assert (row["compound_name"], row["has_relative_stereo"]) == ("racemate", True)
    assert reading.counts() == {"molecule": (1, 1, 0, 0, 0)}


TABLE = """\
mol_id,smiles,active,IC50 (nM),note,split\r
A1,CCO,1,>1000,,train\r
\r
A2,"[Cl-].[Na+]",0,12.5,inconclusive,test\r
A3,c1cccc1,1,3,,train\r
A4,CO,,<=0.5,nan,valid\r
"""


def test_a_table_with_assay_values(read: Read) -> None:
    reading = read({"screen.csv": TABLE})
    rows = reading.molecules()
    assert [(r["record_number"], r["compound_name"], r["delivered_split"]) for r in rows] == [
        (2, "A1", "train"),
        (4, "A2", "test"),
        (6, "A4", "valid"),
    ]
    assert reading.values() == [
        (2, "active", 1, "=", None, "1"),
        (2, "IC50 (nM)", 1000, ">", "nM", ">1000"),
        (4, "active", 0, "=", None, "0"),
        (4, "IC50 (nM)", 12.5, "=", "nM", "12.5"),
        (4, "note", None, None, None, "inconclusive"),
        (6, "IC50 (nM)", 0.5, "<=", "nM", "<=0.5"),
    ]
    assert {r["molecule_id"] for r in reading.assays()} == {r["molecule_id"] for r in rows}
    assert reading.errors() == [(5, "molecule.kekulization")]
    assert reading.counts() == {"molecule": (5, 3, 1, 1, 0)}


@pytest.mark.parametrize("delimiter", ["\t", ";", ","])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv.gz", "t.txt"])
def test_delimiters_and_compression_are_told_by_the_content(
    read: Read, delimiter: str, name: str
) -> None:
    text = "\ufeffCanonical SMILES|y\nCCO|1\n".replace("|", delimiter).encode()
    reading = read({name: gzip.compress(text) if name.endswith("gz") else text})
    assert [value[1:3] for value in reading.values()] == [("y", 1)]


def test_columns_that_delivery_json_names(read: Read) -> None:
    text = "structure id,drawing,a,b\nX1,CCO,1,2\n"
    options = {"smiles_column": "drawing", "id_column": "structure id", "assay_columns": ["b"]}
    reading = read({"t.csv": text}, **options)
    assert reading.molecules()[0]["compound_name"] == "X1"
    assert [value[1] for value in reading.values()] == ["b"]


@pytest.mark.parametrize(
    ("header", "code", "options"),
    [
        ("formula,y", "table.no_smiles_column", {}),
        ("mol a smiles,mol b Smiles", "table.several_smiles_columns", {}),
        ("smiles,y", "table.no_declared_column", {"assay_columns": ["z"]}),
        ("smiles,y", "table.no_declared_column", {"smiles_column": "SMILES"}),
    ],
)
def test_a_table_whose_columns_are_unclear_is_refused_whole(
    read: Read, header: str, code: str, options: dict
) -> None:
    reading = read({"t.csv": f"{header}\nCCO,1\nCO,2\n"}, **options)
    assert reading.counts() == {"molecule": (2, 0, 2, 0, 0)}
    assert reading.errors() == [(0, code)]


@pytest.mark.parametrize(
    ("header", "other"),
    [
        ("canonical_smiles,isomeric_smiles,y", "column 1"),
        ("smiles,isomeric_smiles,y", "column 1"),
        ("CanonicalSMILES,IsomericSMILES,y", "column 1"),  # PubChem, PUG REST
        ("canonicalsmiles,isosmiles,y", "column 1"),  # PubChem, downloaded summary
        ("ConnectivitySMILES,SMILES,y", "column 1"),
        ("mol smiles,smiles,y", "column 1"),
    ],
)
def test_of_several_forms_of_a_structure_the_isomeric_is_read_and_the_other_told(
    read: Read, header: str, other: str
) -> None:
    reading = read({"t.csv": f"{header}\nCC(O)F,C[C@H](O)F,1\n"})
    assert [row["smiles"] for row in reading.molecules()] == ["C[C@H](O)F"]
    assert reading.notes("warning") == [(0, "table.other_smiles_column", other)]
    assert [value[1] for value in reading.values()] == ["y"]


def test_smiles_go_before_canonical_smiles(read: Read) -> None:
    reading = read({"t.csv": "canonical_smiles,smiles\nCO,CCO\n"})
    assert [row["smiles"] for row in reading.molecules()] == ["CCO"]
    assert reading.notes("warning") == [(0, "table.other_smiles_column", "column 1")]


def test_a_declared_column_of_structures_leaves_no_remark_on_the_others(read: Read) -> None:
    table = {"t.csv": "canonical_smiles,isomeric_smiles\nCO,CCO\n"}
    reading = read(table, smiles_column="canonical_smiles")
    assert [row["smiles"] for row in reading.molecules()] == ["CO"]
    assert reading.notes("warning") == []


def test_measurements_per_row_as_chembl_exports_them(read: Read) -> None:
    text = (
        '"Molecule ChEMBL ID";"Smiles";"Standard Type";"Standard Relation";"Standard Value";'
        '"Standard Units"\n"CHEMBL25";"CCO";"IC50";"\'>\'";"5000.0";"nM"\n'
        '"CHEMBL26";"CO";"IC50";"";"";""\n'
    )
    reading = read({"chembl.csv": text})
    assert reading.values() == [(2, "IC50", 5000, ">", "nM", "5000.0")]
    assert [row["compound_name"] for row in reading.molecules()] == ["CHEMBL25", "CHEMBL26"]


def test_a_comma_between_semicolons_is_decimal(read: Read) -> None:
    reading = read({"t.csv": "name;smiles;pIC50\na;CCO;6,25\nb;CCC;5.10\nc;CCN;<7,00\n"})
    assert reading.values() == [
        (2, "pIC50", 6.25, "=", None, "6,25"),
        (3, "pIC50", 5.1, "=", None, "5.10"),
        (4, "pIC50", 7, "<", None, "<7,00"),
    ]
    assert reading.notes("warning") == []


def test_a_decimal_comma_is_no_other_value_than_a_decimal_point(read: Read) -> None:
    reading = read({"t.csv": "smiles;pIC50\nCCO;6,25\nOCC;6.25\n"})
    assert reading.notes("warning") == []


@pytest.mark.parametrize("mark", [",", "\t"])
def test_a_comma_in_other_tables_stays_text_with_a_remark(read: Read, mark: str) -> None:
    text = 'smiles|Muster|y\nCCO|"1,5"|1\nCCC|"2,5"|2\nCCN|3|3\n'.replace("|", mark)
    reading = read({"t.csv": text})
    assert [value[2] for value in reading.values() if value[1] == "Muster"] == [None, None, 3]
    assert reading.values()[0][5] == "1,5"
    assert reading.notes("warning") == [(2, "assay.decimal_comma", "column 2")]


def test_a_text_among_numbers_is_remarked_once_for_its_column(read: Read) -> None:
    text = "smiles,y,class,z\nCCO,lost,CA,1\nCCC,1,CI,2\nCCN,??,CM,NA\nCCF,2 nM,CA,true\n"
    reading = read({"t.csv": text})
    assert reading.notes("warning") == [(2, "assay.text", "column 2")]


def test_a_refused_record_takes_no_remark_of_its_column_along(read: Read) -> None:
    long = "x" * 65
    reading = read({"t.csv": f'smiles,a,b\nQQQ,{long},"1,5"\nCO,{long},"1,5"\nC,{long},"1,5"\n'})
    assert reading.notes("warning") == [
        (3, "assay.text_too_long", "column 2"),
        (3, "assay.decimal_comma", "column 3"),
    ]


def test_the_type_and_unit_of_a_measurement_have_the_limit_of_a_value(read: Read) -> None:
    long, most = "x" * 500_000, "u" * 64
    reading = read(
        {
            "t.csv": "smiles,standard_type,standard_value,standard_units\n"
            f"CCO,{long},1,nM\nCCC,Ki,2,{long}\nCCN,{long},3,nM\nCCF,{most},4,{most}\n"
            f"CCCl,{long},,{long}\n"
        }
    )
    assert reading.values() == [(5, most, 4, "=", most, "4")]
    assert len(reading.molecules()) == 5
    assert reading.notes("warning") == [
        (2, "assay.text_too_long", "column 2"),
        (3, "assay.text_too_long", "column 4"),
    ]


def test_a_quote_that_nobody_closes_damages_one_line(read: Read) -> None:
    reading = read({"t.csv": 'smiles,name\nCCO,"a\nCO,b\nC,"c, d"\nCN\nCN,x,y\nCN,x,,\n'})
    assert reading.errors() == [(n, "table.malformed") for n in (2, 5, 6)]
    assert [row["compound_name"] for row in reading.molecules()] == ["b", "c, d", "x"]


def test_a_line_that_is_not_utf8_is_refused_alone(read: Read) -> None:
    reading = read({"t.csv": b"smiles,name\nCCO,\xb5\nCO,b\n"})
    assert reading.errors() == [(2, "record.encoding")]
    assert len(reading.molecules()) == 1


def test_texts_are_no_classes_and_long_names_are_dropped(read: Read) -> None:
    reading = read({"t.csv": f"smiles,name,note\nCCO,{'n' * 201},{'x' * 65}\nCO,b,{'y' * 65}\n"})
    assert reading.assays() == []
    assert sorted(reading.notes("warning")) == [
        (2, "assay.text_too_long", "column 3"),
        (2, "molecule.name_too_long", None),
    ]


def test_repeated_molecules_are_kept_and_their_conflicts_told(read: Read) -> None:
    reading = read({"t.csv": "smiles,a,b\nOCC,1,2\nCO,5,5\nCCO,1,3\nCC[O-].[Na+],1,2\n"})
    assert [row["duplicate_of"] for row in reading.molecules()] == [None, None, 2, 2]
    assert reading.notes("warning") == [(4, "assay.conflict", "column 3")]


def test_columns_of_one_name(read: Read) -> None:
    reading = read({"t.csv": "smiles,y,y\nCCO,1,2\n"})
    assert [value[2] for value in reading.values()] == [1]
    assert reading.notes("warning") == [(0, "table.repeated_column", "column 3")]


def test_a_copy_of_a_file_is_refused(read: Read) -> None:
    reading = read({"a.smi": "CCO\n", "b.smi": "CCO\n"})
    assert len(reading.molecules()) == 1
    assert reading.errors() == [(1, "file.duplicate")]


def test_other_files_stay_in_landing(read: Read) -> None:
    assert read({"README.pdf": "x"}).counts() == {"file": (1, 0, 0, 0, 1)}


def test_a_compressed_file_that_breaks_off(read: Read) -> None:
    whole = gzip.compress("".join(f"C {n * 7919 % 99991}\n" for n in range(900)).encode())
    reading = read({"a.smi.gz": whole[: len(whole) // 2]})
    codes = {code for _, code in reading.errors()}
    assert "file.truncated" in codes
    assert reading.counts()["file"] == (1, 0, 1, 0, 0)
    assert reading.counts()["molecule"][1] > 100


def test_a_damaged_compressed_file_is_refused(read: Read) -> None:
    content = bytearray(gzip.compress(b"CCO\n" * 1000))
    content[-6] ^= 255
    assert read({"a.smi.gz": bytes(content)}).errors() == [(0, "file.corrupt")]


def test_nothing_is_written_to_stderr_and_no_reason_quotes_a_structure(
    read: Read, capfd: pytest.CaptureFixture[str]
) -> None:
    reading = read({"t.csv": "smiles\nCN(C)(C)C\nc1cccc1\nQQQ\n[SbH6+3]\n"})
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
    for row in reading.stage.read("quarantine").to_pylist():
        assert "c1cccc1" not in row["reason"]
        assert row["byte_offset"] is not None


def test_no_delivered_name_is_written_outside_the_tables(
    read: Read, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    long = "Muster " * 30
    reading = read(
        {
            "t.csv": "smiles,id,Muster,Muster\n"
            f"CCO,Muster,1,1\nCCO,{long},2,1\nCO,Muster,{long},1\nQQQ,Muster,1,1\nCO,Muster\n",
            "m.csv": "smiles,id,standard_type,standard_value\n"
            f"CCO,Muster,Muster,1\nCCO,Muster,Muster,2\nCO,Muster,Muster,{long}\n",
            "n.csv": "Muster,id\nCCO,Muster\n",
            "s.smi": f"CCO Muster\nQQQ Muster\nCO {long}\n",
        }
    )
    captured = capfd.readouterr()
    assert captured.out + captured.err + caplog.text == ""
    rows = reading.stage.read("quarantine").to_pylist()
    assert {row["code"] for row in rows} == {
        "assay.conflict",
        "assay.text_too_long",
        "molecule.name_too_long",
        "smiles.syntax",
        "table.malformed",
        "table.no_smiles_column",
        "table.repeated_column",
    }
    assert "Muster" not in str(rows)

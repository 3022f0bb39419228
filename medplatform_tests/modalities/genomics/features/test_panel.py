"""Panels: words of inheritance that are understood, and what is told of a file that is not."""

from pathlib import Path

import pytest

from medplatform.modalities.genomics.features.panel import (
    PanelError,
    find_unusable_panels,
    read_panels,
)


def write(folder: Path, *lines: str, name: str = "onco.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([*lines, ""]))
    return path


def told(path: Path) -> list[str]:
    """What is said of a panel, line by line, without the folder."""
    with pytest.raises(PanelError) as raised:
        read_panels([path])
    return [line.removeprefix(f"{path.parent}/") for line in str(raised.value).splitlines()]


@pytest.mark.parametrize(
    ("stated", "inheritance"),
    [
        ("AD", "AD"),
        ("autosomal dominant", "AD"),
        ('"MONOALLELIC, autosomal or pseudoautosomal, NOT imprinted"', "AD"),
        ('"BOTH monoallelic and biallelic, autosomal or pseudoautosomal"', "AD"),
        ('"BIALLELIC, autosomal or pseudoautosomal"', "AR"),
        ('"X-LINKED: hemizygous mutation in males, biallelic mutations in females"', "XL"),
        (
            '"X-LINKED: hemizygous mutation in males, monoallelic mutations in females may cause '
            'disease (may be less severe, later onset than males)"',
            "XL",
        ),
        ("XLR", "XL"),
        ("X-linked dominant", "XL"),
        ("MITOCHONDRIAL", "MT"),
        ("Other", None),
        ("OTHER", None),
        ("Other - please specifiy in evaluation comments", None),
        ("Unknown", None),
        ("unknown", None),
        ("", None),
    ],
)
def test_words_of_inheritance(tmp_path: Path, stated: str, inheritance: str | None) -> None:
    path = write(tmp_path, "gene_symbol,inheritance", f"CFTR,{stated}")
    assert read_panels([path]).rows() == [("onco", "CFTR", inheritance)]


@pytest.mark.parametrize(
    "modes",
    [
        ("AR", "AD"),
        ("Autosomal recessive", "Autosomal dominant"),
        ("recessive", "dominant"),
        ("BIALLELIC", "MONOALLELIC"),
        ("autosomal recessive", "dominant"),
    ],
)
@pytest.mark.parametrize("separator", ["/", ", ", "; ", " and ", " or ", " ", "|", "+", " & "])
def test_a_gene_with_both_modes_is_dominant_in_whatever_order(
    tmp_path: Path, modes: tuple[str, str], separator: str
) -> None:
    """One altered allele is enough for the disease, whatever two of them cause."""
    stated = (separator.join(modes), separator.join(reversed(modes)))
    rows = [f'G{number},"{text}"' for number, text in enumerate(stated)]
    path = write(tmp_path, "gene_symbol,inheritance", *rows)
    assert read_panels([path])["inheritance"].to_list() == ["AD", "AD"]


@pytest.mark.parametrize(
    ("stated", "symbol"),
    [
        ("cftr", "CFTR"),
        ("Cftr", "CFTR"),
        ("C1ORF112", "C1orf112"),
        ("c1orf112", "C1orf112"),
        ("C1orf112", "C1orf112"),
        ("cxorf38", "CXorf38"),
        ("c4orf54-as1", "C4orf54-AS1"),
        ("mt-tl1", "MT-TL1"),
        ("corf1", "CORF1"),
    ],
)
def test_a_symbol_is_as_hgnc_writes_it(tmp_path: Path, stated: str, symbol: str) -> None:
    assert read_panels([write(tmp_path, "gene", stated)])["gene_symbol"].to_list() == [symbol]


def test_a_gene_in_capitals_and_in_small_letters_is_listed_twice(tmp_path: Path) -> None:
    assert told(write(tmp_path, "gene,moi", "CFTR,AR", "cftr,AD")) == [
        "onco.csv, line 3, cftr: listed twice (AR and AD), first in line 2. Keep one row per gene."
    ]


def test_all_faults_are_told_with_line_gene_and_value(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "# from PanelApp",
        "gene_symbol,inheritance",
        "CFTR,AR",
        "",
        '"LDLR","AD"',
        "BRCA1,",
        "CFTR,AD",
        "BRCA1,AD",
        "BRCA2,Mendelian",
    )
    assert told(path) == [
        "onco.csv, line 7, CFTR: listed twice (AR and AD), first in line 3. Keep one row per gene.",
        "onco.csv, line 8, BRCA1: listed twice (not stated and AD), first in line 6. Keep one row "
        "per gene.",
        "onco.csv, line 9, BRCA2: inheritance 'Mendelian' is none of AD, AR, XL, MT, nor a mode of "
        "PanelApp. Correct it, or leave it empty where it is not known.",
    ]


def test_a_cell_that_goes_on_in_the_next_line_does_not_shift_the_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, "gene,note", 'AAA,"two', 'lines"', "BBB,x", "BBB,y")
    assert [line.partition(":")[0] for line in told(path)] == ["onco.csv, line 5, BBB"]


def test_a_comma_without_quotes_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "gene,moi", "AAA,BIALLELIC, autosomal", "BBB,AD,,")
    assert told(path) == [
        "onco.csv, line 2: 3 cells where the header has 2. Write a cell that has a comma in quotes."
    ]


def test_of_many_faults_the_first_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, "gene,moi", *(f"G{number},{'?' * 1000}" for number in range(50)))
    lines = told(path)
    assert len(lines) == 11
    assert max(map(len, lines)) < 250
    assert lines[-1] == "onco.csv: … and 40 more"


@pytest.mark.parametrize("content", [b"", b"# only\n", b"PK\x03\x04\xff\xfe", b'gene\n"AAA\n'])
def test_what_is_no_csv_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "onco.csv"
    path.write_bytes(content)
    assert told(path) == ["onco.csv: not a CSV file with a header. Save it as UTF-8 CSV."]


@pytest.mark.parametrize("header", ["name,moi", "gene_symbol;moi", "gene_symbol\tmoi"])
def test_a_file_without_a_column_of_genes_says_the_remedy(tmp_path: Path, header: str) -> None:
    (line,) = told(write(tmp_path, header, "CFTR,AR"))
    assert "Call it gene_symbol, and separate columns by commas." in line


def test_a_file_as_spreadsheets_save_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "onco.csv"
    path.write_bytes(b"\xef\xbb\xbfGene Symbol,MOI,\r\n CFTR ,AR,\r\n,,\r\nLDLR\r\n")
    assert read_panels([path]).rows() == [("onco", "CFTR", "AR"), ("onco", "LDLR", None)]


def test_a_gene_may_be_in_several_panels(tmp_path: Path) -> None:
    heart = write(tmp_path, "gene,moi", "LDLR,AD", name="heart.csv")
    lipid = write(tmp_path, "gene,moi", "LDLR,AR", name="lipid.csv")
    assert read_panels([lipid, heart]).rows() == [("heart", "LDLR", "AD"), ("lipid", "LDLR", "AR")]


def test_every_panel_that_cannot_be_used_is_found(tmp_path: Path) -> None:
    good = write(tmp_path, "gene", "CFTR", name="good.csv")
    twice = write(tmp_path, "gene", "CFTR", "CFTR", name="twice.csv")
    absent = tmp_path / "absent.csv"
    found = find_unusable_panels([good, twice, absent])
    assert list(found) == [twice, absent]
    assert "line 3, CFTR: listed twice" in found[twice]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("gene_symbol\nAAA\nBBB\n", [("p", "AAA", None), ("p", "BBB", None)]),
        ("Gene Symbol,Mode of inheritance\nAAA,BIALLELIC\n", [("p", "AAA", "AR")]),
        ("gene,moi\nAAA,Autosomal dominant\nBBB,x-linked\nCCC,\n",
         [("p", "AAA", "AD"), ("p", "BBB", "XL"), ("p", "CCC", None)]),
    ],
)  # fmt: skip
def test_columns_are_found_by_their_usual_names(
    tmp_path: Path, content: str, expected: list
) -> None:
    path = tmp_path / "p.csv"
    path.write_text(content)
    assert read_panels([path]).rows() == expected


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        ("name\nAAA\n", "gene_symbol"),
        ("gene,moi\nAAA,sometimes\n", "inheritance"),
        ("gene\nAAA\nAAA\n", "listed twice"),
        ("", "CSV"),
    ],
)
def test_a_panel_that_cannot_be_used_says_the_remedy(
    tmp_path: Path, content: str, remedy: str
) -> None:
    path = tmp_path / "p.csv"
    path.write_text(content)
    with pytest.raises(PanelError, match=remedy):
        read_panels([path])

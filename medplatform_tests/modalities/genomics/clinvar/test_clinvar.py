"""ClinVar files of all makes: classes, stars, and the key of each allele."""

import gzip
from pathlib import Path

import pytest

from medplatform.modalities.genomics.clinvar.file import ClinVarError
from medplatform.modalities.genomics.clinvar.table import SCHEMA, read_clinvar, read_usable

HEADER = """\
##fileformat=VCFv4.1
##fileDate=2025-01-05
##reference=GRCh38
##INFO=<ID=CLNDN,Number=.,Type=String,Description="">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO
"""


def write(folder: Path, *infos: str, header: str = HEADER, name: str = "c.vcf") -> Path:
    rows = [f"chr1\t{100 + n}\t{n}\tA\tG\t.\t.\t{info}" for n, info in enumerate(infos)]
    content = (header + "\n".join([*rows, ""])).encode()
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    return path


@pytest.mark.parametrize(
    ("classification", "significance"),
    [
        ("Pathogenic", "pathogenic"),
        ("Pathogenic/Likely_pathogenic", "pathogenic"),
        ("Pathogenic/Likely_pathogenic/Pathogenic,_low_penetrance|other", "pathogenic"),
        ("Likely_pathogenic", "likely_pathogenic"),
        ("Pathogenic|risk_factor", "pathogenic"),
        ("Conflicting_classifications_of_pathogenicity", "conflicting"),
        ("Conflicting_interpretations_of_pathogenicity|other", "conflicting"),
        ("Uncertain_significance", "uncertain_significance"),
        ("Benign/Likely_benign", "benign"),
        ("Likely_benign", "likely_benign"),
        ("drug_response", "other"),
        ("not_provided", "other"),
    ],
)
def test_every_class_is_kept(tmp_path: Path, classification: str, significance: str) -> None:
    row = read_clinvar(write(tmp_path, f"CLNSIG={classification}")).row(0, named=True)
    assert (row["classification"], row["significance"]) == (classification, significance)


def test_what_is_said_of_an_allele(tmp_path: Path) -> None:
    info = (
        "ALLELEID=7;CLNDN=Disease_1|not_provided;CLNREVSTAT=criteria_provided,_multiple_submitters,"
        "_no_conflicts;CLNSIG=Pathogenic;GENEINFO=AAA:1|BBB:2"
    )
    table = read_clinvar(write(tmp_path, info, "ALLELEID=8", name="c.vcf.gz"))
    assert table.schema == SCHEMA
    row, bare = table.rows(named=True)
    assert row["allele_id"] == "GRCh38-1-100-A-G"
    assert row["variation_id"] == "0"
    assert row["review_stars"] == 2
    assert row["conditions"] == ["Disease_1", "not_provided"]
    assert row["gene_symbols"] == ["AAA", "BBB"]
    assert str(row["release_date"]) == "2025-01-05"
    assert (bare["significance"], bare["review_stars"]) == ("other", 0)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER.replace("##reference=GRCh38\n", ""), "genome build"),
        (HEADER.replace("CLNDN", "XYZ"), "keys of ClinVar"),
        (HEADER.replace("2025-01-05", "2024-13-45"), "fileDate"),
        (HEADER.replace("GRCh38", "GRCh38\n##contig=<ID=1,length=249250621>"), "does not agree"),
        (HEADER.replace("reference=GRCh38", f"contig=<ID=1,length={'9' * 5000}>"), "genome build"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(ClinVarError, match=message):
        read_clinvar(write(tmp_path, "CLNSIG=Benign", header=header))


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, *["CLNSIG=Benign"] * 100, name="c.vcf.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ClinVarError, match="whole"):
        read_clinvar(path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, *["CLNSIG=Benign"] * 100, name="c.vcf.gz")
    content = bytearray(path.read_bytes())
    content[10:40] = b"\xff" * 30
    path.write_bytes(content)
    with pytest.raises(ClinVarError, match="whole"):
        read_clinvar(path)


def test_a_file_that_cannot_be_used_does_not_stop_the_others(tmp_path: Path) -> None:
    good = write(tmp_path, "CLNSIG=Benign", name="good.vcf")
    bad = write(tmp_path, "CLNSIG=Benign", header=HEADER.replace("CLNDN", "XYZ"), name="bad.vcf")
    folder = tmp_path / "folder.vcf"
    folder.mkdir()
    tables, unusable = read_usable([bad, folder, good])
    assert [path for path, table in tables.items() if table.height == 1] == [good]
    assert list(unusable) == [bad, folder]
    assert all(reason.startswith(f"{path}: ") for path, reason in unusable.items())


@pytest.mark.real
@pytest.mark.parametrize(("build", "place"), [("b37", 949523), ("b38", 1014143)])
def test_the_table_of_the_macarthur_lab(public_vcf: Path, build: str, place: int) -> None:
    folder = public_vcf / "clinvar-macarthur" / "output" / build / "single"
    table = read_clinvar(folder / f"clinvar_alleles_example_750_rows.single.{build}.vcf")
    assert table["allele_id"].is_unique().all()
    assert table["genome_build"].unique().to_list() == [f"GRCh{build[1:]}"]
    (row,) = table.filter(position=place, alternate_allele="T").rows(named=True)
    assert (row["gene_symbols"], row["significance"]) == (["ISG15"], "pathogenic")
    assert set(table["review_stars"]) == {0, 1, 2}


@pytest.mark.real
def test_the_numbers_of_2017(public_vcf: Path) -> None:
    folder = public_vcf / "clinvar-mgl" / "tests" / "resources"
    table = read_clinvar(folder / "clinvar_20170404_10_records.vcf")
    row = table.filter(position=949523).row(0, named=True)
    assert (row["significance"], row["review_stars"]) == ("pathogenic", 0)
    assert row["gene_symbols"] == ["ISG15"]
    assert str(row["release_date"]) == "2017-04-04"
    assert read_clinvar(folder / "clinvar_20210302_1_record.vcf")["significance"].to_list() == [
        "uncertain_significance"
    ]


@pytest.mark.parametrize("left", ["chr1\t200\t2\tA", "chr1\t200", "ch", "chr1\t200\t2\tA\tG\t.\t."])
def test_a_file_that_breaks_off_is_not_used_in_part(tmp_path: Path, left: str) -> None:
    path = write(tmp_path, "CLNSIG=Pathogenic", "CLNSIG=Benign")
    path.write_text(path.read_text() + left)
    with pytest.raises(ClinVarError, match=r"c\.vcf: a record ends before its INFO\. Download"):
        read_clinvar(path)


@pytest.mark.parametrize("name", ["c.vcf", "c.vcf.gz"])
@pytest.mark.parametrize("info", ["CLNSIG=Pathogenic;GENEINFO=BRCA1:67", "CLNSIG=Patho", "C"])
def test_a_file_that_breaks_off_within_info_is_not_used_in_part(
    tmp_path: Path, info: str, name: str
) -> None:
    """A compressed one may end after a block of it, which is whole for gzip."""
    path = write(tmp_path, "CLNSIG=Pathogenic", "CLNSIG=Benign", info)
    content = path.read_bytes().removesuffix(b"\n")
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    message = rf"{name}: its last line has no line end, .* Transfer the file again, or download it"
    with pytest.raises(ClinVarError, match=message):
        read_clinvar(path)
    assert list(read_usable([path])[1]) == [path]


@pytest.mark.parametrize("cut", ["#CHROM", "\tINFO", "\n"])
def test_a_file_that_breaks_off_within_its_header_is_not_used(tmp_path: Path, cut: str) -> None:
    path = tmp_path / "c.vcf"
    path.write_text(HEADER[: HEADER.rindex(cut)])
    with pytest.raises(ClinVarError, match=r"c\.vcf: its header does not end with the line #CHROM"):
        read_clinvar(path)


def test_empty_lines_at_the_end_are_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "CLNSIG=Pathogenic")
    path.write_text(path.read_text() + "\n\n")
    assert read_clinvar(path).height == 1

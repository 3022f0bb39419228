"""Annotations of VEP, SnpEff and bcftools csq: every one becomes a row or a remark."""

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest

from medplatform.modalities.genomics.annotation.alleles import allele_number
from medplatform.modalities.genomics.annotation.layout import Layout, find_layouts, find_missing
from medplatform.modalities.genomics.annotation.rows import (
    Annotations,
    Records,
    annotate,
    open_column,
)
from medplatform.modalities.genomics.annotation.split import field_column, split_annotations
from medplatform.modalities.genomics.tables.annotation import ANNOTATION
from medplatform_tests.modalities.genomics.conftest import HEADER, Read, crosswalk, vcf

VEP = "Consequence annotations. Format: Allele|Consequence|IMPACT|SYMBOL|Feature|LoF_info"
# `vep --fields` may leave out all but the allele and the consequence.
FEW = "Consequence annotations. Format: Allele|Consequence|IMPACT|SYMBOL|Gene|HGVSc|MAX_AF"
SNPEFF = (
    "Functional annotations: 'Allele | Annotation | Annotation_Impact | Gene_Name | Gene_ID | "
    "Feature_Type | Feature_ID | Transcript_BioType | Rank | HGVS.c | HGVS.p | "
    "cDNA.pos / cDNA.length | CDS.pos / CDS.length | AA.pos / AA.length | Distance | ERRORS' "
)
BCSQ = "Format: Consequence|gene|transcript|biotype|strand|amino_acid_change|dna_change"


def layout(key: str, description: str) -> Layout:
    return find_layouts({key: description})[key]


def read_info(
    info: list[str], key: str, description: str, alleles: str = "A>G", position: int = 100
) -> Annotations:
    reference, alternates = alleles.split(">")
    number = len(info)
    records = Records(
        pl.Series([position] * number, dtype=pl.Int32),
        pl.Series([reference] * number),
        pl.Series([alternates.split(",")] * number),
    )
    found = annotate(pl.Series(info), records, layout(key, description))
    assert found.delivered == found.rows.height + len(found.unread) + len(found.excess)
    return found


@pytest.mark.parametrize(
    ("key", "description", "tool", "fields"),
    [
        ("CSQ", VEP, "vep", 6),
        ("vep", VEP, "vep", 6),
        ("CSQ", FEW, "vep", 7),
        ("CSQ", "Format: Allele|Consequence", "vep", 2),
        ("ANN", SNPEFF, "snpeff", 16),
        ("ANN", "Functional annotations", "snpeff", 16),
        ("ANN", VEP, "vep", 6),
        ("BCSQ", BCSQ, "bcftools", 7),
        ("BCSQ", "Local consequence", "bcftools", 7),
    ],
)
def test_the_header_says_how_annotations_are_written(
    key: str, description: str, tool: str, fields: int
) -> None:
    found = layout(key, description)
    assert (found.tool, len(found.fields)) == (tool, fields)


def test_a_key_without_a_format_has_no_layout() -> None:
    descriptions = {"CSQ": "Consequences", "DP": "Depth (a|b)", "GENEINFO": "Format: symbol|id"}
    assert find_layouts(descriptions) == {}


@pytest.mark.parametrize(
    ("key", "description", "missing"),
    [
        ("CSQ", "Format: Allele|IMPACT|SYMBOL|Feature", ("Consequence",)),
        ("CSQ", "Format: Consequence|SYMBOL|Feature", ("Allele",)),
        ("CSQ", "Format: IMPACT|SYMBOL", ("Allele", "Consequence")),
        ("ANN", "'Allele | Annotation | Gene_Name'", ("Annotation_Impact",)),
        ("BCSQ", "Format: Consequence|gene|biotype", ("transcript",)),
        ("CSQ", VEP, ()),
        ("CSQ", FEW, ()),
        ("CSQ", "Consequences", ()),
    ],
)
def test_a_format_that_cannot_be_read_lacks_fields(
    key: str, description: str, missing: tuple[str, ...]
) -> None:
    assert find_missing(key, description) == missing


def test_fields_become_columns() -> None:
    rows = read_info(
        ["DP=3;CSQ=G|missense_variant&splice_region_variant|MODERATE|AAA|T1|,G|x|||T2|y%3Dz%2C%25"],
        "CSQ",
        VEP,
    ).rows.rows(named=True)
    assert [row["annotation_number"] for row in rows] == [1, 2]
    assert rows[0]["consequence"] == ["missense_variant", "splice_region_variant"]
    assert [row["impact"] for row in rows] == ["MODERATE", "MODIFIER"]
    assert [row["gene_symbol"] for row in rows] == ["AAA", None]
    assert [row["csq_LoF_info"] for row in rows] == [None, "y=z,%"]
    assert rows[0]["is_canonical"] is None


def test_commas_within_a_field_are_told_from_those_between_annotations() -> None:
    info = [
        "CSQ=G|a|HIGH|AAA|T1|X:1,Y:2,G|b|LOW|AAA|T2|",  # in the last field
        "CSQ=G|a|HIGH|A,B|T1|,G|b|LOW|AAA|T2|",  # in another
        "CSQ=G|a|HIGH|AAA|T1|",
    ]
    found = read_info(info, "CSQ", VEP)
    assert found.unread == []
    assert found.rows.select("site", "gene_symbol", "feature_id", "csq_LoF_info").rows() == [
        (0, "AAA", "T1", "X:1,Y:2"),
        (0, "AAA", "T2", None),
        (1, "A,B", "T1", None),
        (1, "AAA", "T2", None),
        (2, "AAA", "T1", None),
    ]


@pytest.mark.parametrize(
    ("value", "read", "unread"),
    [
        ("G|a", [], 1),
        ("G|a|HIGH|AAA|T1|x|too|many", [], 1),
        ("G|a,G|a|HIGH|AAA|T1|", ["T1"], 1),
        ("G|a|HIGH|AAA|T1|,G|a|HIGH", ["T1"], 1),
        ("G|a|HIGH|AAA|T1|,G|a|HIGH|A|B|C|D|E,G|a|HIGH|AAA|T2|", ["T1", "T2"], 1),
        ("nothing", [], 1),
        ("", [], 0),
        (".", [], 0),
    ],
)
def test_what_cannot_be_told_apart_is_counted(value: str, read: list[str], unread: int) -> None:
    found = read_info([f"CSQ={value}"], "CSQ", VEP)
    assert found.rows["feature_id"].to_list() == read
    assert found.unread == [0] * unread


@pytest.mark.parametrize(
    "field", ["site", "annotation_number", "text", "source", "allele", "/impact"]
)
def test_a_field_may_have_any_name(field: str) -> None:
    description = f"Format: Allele|Consequence|Feature|{field}"
    rows = read_info(["CSQ=G|a|T1|x", "CSQ=G|a|T2|y"], "CSQ", description).rows
    assert rows.select("site", "annotation_number", open_column(field)).rows() == [
        (0, 1, "x"),
        (1, 1, "y"),
    ]


def test_names_of_fields_that_are_alike_get_numbers() -> None:
    description = "Format: Allele|Consequence|Feature|X|X_2|X|x"
    rows = read_info(["CSQ=G|a|T1|a|b|c|d"], "CSQ", description).rows
    names = [name for name in rows.columns if name.startswith("csq_")]
    assert names == ["csq_X", "csq_X_2", "csq_X_3", "csq_x_4"]
    assert rows.select(names).row(0) == ("a", "b", "c", "d")


def test_a_field_of_many_commas_is_one_field() -> None:
    note = "," * 200_000
    found = read_info([f"CSQ=G|a|HIGH|AAA|T1|{note}"], "CSQ", VEP)
    assert found.rows["csq_LoF_info"].to_list() == [note]


def test_no_more_annotations_of_a_record_are_read_than_a_limit(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medplatform.modalities.genomics.annotation.split.MAX_ANNOTATIONS", 2)
    whole = "G|a|HIGH|AAA|T1|"
    record = f"chr1 100 . A G . . CSQ={','.join([whole] * 5)} GT 0/1 0/1"
    header = csq_header(VEP)
    reading = read(
        {"calls.vcf": vcf(record, header=header), "crosswalk.csv": crosswalk("S1", "S2")}
    )
    assert len(reading.rows("genomics_annotation")) == 2
    (remark,) = reading.refusals()
    assert (remark["code"], remark["element"]) == ("annotation.too_many", "INFO/CSQ")
    assert remark["reason"].startswith("The record has 3 annotations more")


def test_a_key_that_stands_twice_is_read_twice() -> None:
    found = read_info(["CSQ=G|a|LOW|A|T1|;XCSQ=no;CSQ=G|b|LOW|A|T2|"], "CSQ", VEP)
    assert found.rows["feature_id"].to_list() == ["T1", "T2"]
    assert found.rows["annotation_number"].to_list() == [1, 2]


def test_annotations_of_snpeff() -> None:
    text = (
        "ANN=G|stop_gained|HIGH|AAA|G1|transcript|T1|protein_coding|5/9|c.1A>G|p.M1V|1/9|1/9|1/3||,"
        "G|splice_donor_variant&intron_variant|HIGH|AAA|G1|transcript|T2|protein_coding|4/8||||||9|W"
    )
    rows = read_info([text], "ANN", SNPEFF).rows.rows(named=True)
    assert [(row["exon"], row["intron"]) for row in rows] == [("5/9", None), (None, "4/8")]
    assert (rows[0]["hgvs_protein"], rows[0]["protein_position"]) == ("p.M1V", "1/3")
    assert rows[1]["csq_ERRORS"] == "W"
    assert [row["allele_number"] for row in rows] == [1, 1]


def test_annotations_of_bcftools_csq() -> None:
    text = (
        "BCSQ=missense|AAA|T1|protein_coding|+|5P>5L|100A>G+102C>T,@90,intron|AAA||lincRNA,"
        "*missense|AAA|T2|protein_coding"
    )
    rows = read_info([text], "BCSQ", BCSQ, "A>C,G").rows.rows(named=True)
    assert [row["consequence"] for row in rows] == [["missense"], None, ["intron"], ["*missense"]]
    assert [row["reported_at"] for row in rows] == [None, 90, None, None]
    assert [row["impact"] for row in rows] == ["MODERATE", None, "MODIFIER", "MODIFIER"]
    assert [row["allele_number"] for row in rows] == [2, None, None, None]


@pytest.mark.parametrize(
    ("alleles", "written", "number"),
    [
        ("A>G", "G", 1),
        ("A>C,G", "g", 2),
        ("CAG>C", "-", 1),
        ("C>CAG", "AG", 1),
        ("CAG>CG,C", "-", 2),
        ("CAG>CG,C", "G", 1),
        ("CA>C,*", "*", 2),
        ("CAG>TAG", "T", 1),
        ("CAG>CTG", "T", 1),
        ("TAC>T,GAC", "GAC", 2),
        ("N><DEL>", "deletion", 1),
        ("N><DUP:TANDEM>", "duplication", 1),
        ("A>G", "T", None),
        ("A>G", None, None),
    ],
)
def test_vep_trims_the_allele(alleles: str, written: str | None, number: int | None) -> None:
    reference, alternates = alleles.split(">", 1)
    assert allele_number("vep", written, 1, reference, alternates.split(",")) == number


def test_the_number_that_vep_states_is_taken_where_the_record_has_it() -> None:
    description = "Format: Allele|Consequence|Feature|ALLELE_NUM|PICK|CANONICAL"
    text = "CSQ=T|a|T1|2|1|YES,T|a|T2|7||"
    rows = read_info([text], "CSQ", description, "A>G,T").rows.rows(named=True)
    assert [row["allele_number"] for row in rows] == [2, None]
    assert [row["is_picked"] for row in rows] == [True, False]
    assert [row["is_canonical"] for row in rows] == [True, False]


def csq_header(description: str) -> str:
    line = f'##INFO=<ID=CSQ,Number=.,Type=String,Description="{description}">\n'
    return HEADER.replace("##contig", line + "##contig", 1)


def test_a_file_is_read_with_its_annotations(read: Read) -> None:
    records = [
        "chr1 100 . A G . . CSQ=G|missense_variant|MODERATE|AAA|T1|S1 GT 0/1 0/0",
        "chr1 200 . A G . . CSQ=G|broken,G|stop_gained|HIGH|BBB|T2|2.5 GT 0/1 0/0",
    ]
    description = VEP.replace("LoF_info", "Our_note")
    reading = read(
        {
            "calls.vcf": vcf(*records, header=csq_header(description)),
            "crosswalk.csv": crosswalk("S1", "S2"),
        }
    )
    rows = reading.rows("genomics_annotation")
    for name in ("variant_id", "record_number", "source_id"):
        expected = [row[name] for row in reading.rows("genomics_variant")]
        assert [row[name] for row in rows] == expected
    assert [row["gene_symbol"] for row in rows] == ["AAA", "BBB"]
    assert [row["csq_Our_note"] for row in rows] == [None, "2.5"]
    remarks = [row for row in reading.refusals() if row["code"].startswith("annotation.")]
    assert {(row["code"], row["element"], row["severity"]) for row in remarks} == {
        ("annotation.fields", "INFO/CSQ", "warning"),
        ("annotation.text_dropped", "INFO/CSQ/Our_note", "warning"),
    }
    numbers = {row["code"]: row["record_number"] for row in remarks}
    assert numbers["annotation.fields"] == rows[1]["record_number"]


def test_a_file_whose_annotations_name_no_transcript_is_read(read: Read) -> None:
    """Two transcripts say the same then: both stay, as two annotations."""
    twice = ",".join(["G|stop_gained|HIGH|AAA|G1|c.1A>G|0.001"] * 2)
    record = f"chr1 100 . A G . . CSQ={twice},-|intron_variant|MODIFIER|AAA||| GT 0/1 0/0"
    files = {
        "calls.vcf": vcf(record, header=csq_header(FEW)),
        "crosswalk.csv": crosswalk("S1", "S2"),
    }
    reading = read(files)
    rows = reading.rows("genomics_annotation")
    assert [row["annotation_number"] for row in rows] == [1, 2, 3]
    assert [row["allele_number"] for row in rows] == [1, 1, None]
    assert [row["feature_id"] for row in rows] == [None, None, None]
    assert {row["gene_symbol"] for row in rows} == {"AAA"}
    assert [row["impact"] for row in rows] == ["HIGH", "HIGH", "MODIFIER"]
    assert [row["csq_MAX_AF"] for row in rows] == ["0.001", "0.001", None]
    assert len({tuple(row[name] for name in ANNOTATION.key) for row in rows}) == 3
    assert reading.refusals() == []


@pytest.mark.parametrize("header", [HEADER, csq_header("Consequences")])
def test_annotations_without_a_format_are_remarked_on(read: Read, header: str) -> None:
    record = "chr1 100 . A G . . CSQ=G|a|LOW GT 0/1 0/1"
    files = {"calls.vcf": vcf(record, header=header), "crosswalk.csv": crosswalk("S1", "S2")}
    reading = read(files)
    assert reading.rows("genomics_annotation") == []
    found = [(row["code"], row["element"], row["severity"]) for row in reading.refusals()]
    assert found == [("annotation.no_format", "INFO/CSQ", "warning")]


def test_the_remark_names_the_field_that_the_format_lacks(read: Read) -> None:
    record = "chr1 100 . A G . . CSQ=G|LOW|AAA GT 0/1 0/1"
    header = csq_header("Format: Allele|IMPACT|SYMBOL")
    files = {"calls.vcf": vcf(record, header=header), "crosswalk.csv": crosswalk("S1", "S2")}
    (remark,) = read(files).refusals()
    assert (remark["code"], remark["element"]) == ("annotation.no_format", "INFO/CSQ")
    assert "lacks Consequence, so they were left out" in remark["reason"]


def test_names_of_samples_do_not_stay_in_annotations(read: Read) -> None:
    record = "chr1 100 . A G . . CSQ=G|a|LOW|AAA|T1|seen:MEIER-7 GT 0/1 0/1"
    files = {
        "calls.vcf": vcf(record, samples=("MEIER-7", "B"), header=csq_header(VEP)),
        "crosswalk.csv": crosswalk("MEIER-7", "B"),
    }
    (row,) = read(files).rows("genomics_annotation")
    assert row["csq_LoF_info"].startswith("seen:")
    assert "MEIER" not in str(row)


# What bcftools' own tests expect of `bcftools +split-vep -d -f …`: file, fields, records. It writes
# commas within a field as /, and leaves percent codes.
EXPECTED = {
    "split-vep.10.out": ("split-vep.vcf", ["CANONICAL", "Consequence"], 1),
    "split-vep.12.out": ("split-vep.vcf", None, 1),
    "split-vep.13.out": ("split-vep.4.vcf", None, None),
    "split-vep.broken-LoF.out": ("split-vep.broken-LoF.vcf", ["Consequence", "LoF_info"], None),
    "split-vep.gene-list.1.out": ("split-vep.gene-list.vcf", ["Gene", "Consequence"], None),
}


def load(path: Path) -> tuple[Layout, list[list[str]]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = text.decode(errors="replace").splitlines()
    described = re.compile(r'##INFO=<ID=([^,]+),.*Description="(.*)">')
    descriptions = {found[1]: found[2] for line in lines if (found := described.match(line))}
    records = [line.split("\t") for line in lines if line and line[0] != "#"]
    return next(iter(find_layouts(descriptions).values())), records


def fields_of(path: Path, names: list[str] | None, records: int | None) -> list[list[str]]:
    """Position and fields of annotations, with a dot for nothing, as bcftools prints them."""
    known, lines = load(path)
    info = pl.Series([line[7] for line in lines[:records]], dtype=pl.String)
    split = split_annotations(info, known)
    assert split.refused.is_empty()
    return [
        [lines[row["site"]][1], *(row[field_column(name)] or "." for name in names or known.fields)]
        for row in split.rows.iter_rows(named=True)
    ]


@pytest.mark.real
@pytest.mark.parametrize("name", EXPECTED)
def test_expected_outputs_of_bcftools_split_vep(public_vcf: Path, name: str) -> None:
    folder = public_vcf / "bcftools" / "test"
    source, names, records = EXPECTED[name]
    expected = [
        re.split("[\t ]", re.sub(r"^\w+:", "", line).replace("%3D", "="))
        for line in (folder / name).read_text().splitlines()
    ]
    found = fields_of(folder / source, names, records)
    assert [[text.replace(",", "/") for text in row] for row in found] == expected


@pytest.mark.real
@pytest.mark.parametrize(
    "name", ["split-vep.vcf", "split-vep.2.vcf", "split-vep.select-tr-expr.vcf", "split-vep.8.vcf"]
)
def test_every_field_is_that_of_bcftools(public_vcf: Path, name: str) -> None:
    bcftools = shutil.which("bcftools")
    if bcftools is None:
        pytest.skip("bcftools is not installed")
    path = public_vcf / "bcftools" / "test" / name
    key = load(path)[0].key
    command = [bcftools, "+split-vep", str(path), "-a", key, "-d", "-A", "tab"]
    printed = subprocess.run(
        [*command, "-f", f"%POS\t%{key}\n"], capture_output=True, check=True, text=True
    ).stdout
    expected = [line.replace("%3D", "=") for line in printed.splitlines()]
    expected = [line for line in expected if set(line.split("\t")[1:]) != {"."}]
    assert ["\t".join(row) for row in fields_of(path, None, None)] == expected


@pytest.mark.real
def test_every_public_annotation_finds_its_allele(public_vcf: Path) -> None:
    """Files annotated by VEP, SnpEff and bcftools: all are read, and name an allele of theirs."""
    paths = [
        *(public_vcf / "bcftools" / "test").glob("split-vep*.vcf"),
        *(public_vcf / "glow" / "test-data" / "vcf" / f"{n}.vcf" for n in ("snpeff", "vep")),
        public_vcf / "cyvcf2" / "cyvcf2" / "tests" / "test.vcf.gz",
    ]
    total = 0
    for path in paths:
        known, lines = load(path)
        records = Records(
            pl.Series([int(line[1]) for line in lines], dtype=pl.Int32),
            pl.Series([line[3] for line in lines]),
            pl.Series([line[4].split(",") for line in lines]),
        )
        found = annotate(pl.Series([line[7] for line in lines]), records, known)
        assert found.unread == []
        unknown = found.rows.filter(pl.col("allele_number").is_null())
        assert unknown["reported_at"].null_count() <= 2, path.name
        total += found.rows.height
    assert total > 3000


def test_names_of_open_columns() -> None:
    assert open_column("AA.pos / AA.length") == "csq_AA_pos_AA_length"

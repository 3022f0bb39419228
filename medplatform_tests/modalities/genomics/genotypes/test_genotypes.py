"""Packed genotypes: every genotype that VCF can write comes back as it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medplatform.modalities.genomics.genotypes.packed import ABSENT, MISSING, dosage, unpack
from medplatform.modalities.genomics.genotypes.packing import pack, parse_genotype
from medplatform.modalities.genomics.genotypes.texts import SampleTexts


def pack_line(*genotypes: str) -> bytes:
    packed = pack(SampleTexts.of(["\t".join(genotypes).encode()]), len(genotypes))
    assert not packed.malformed
    return packed.cells()[0].as_py()


def write(alleles: np.ndarray, phased: np.ndarray) -> str:
    """A genotype as VCF text, in the form of VCF 4.4 with the prefix written out."""
    present = alleles[alleles != ABSENT]
    marks = ["|" if is_phased else "/" for is_phased in phased]
    names = ["." if allele == MISSING else str(allele) for allele in present]
    return "".join(mark + name for mark, name in zip(marks, names, strict=False))


def with_prefix(text: str) -> str:
    if text[0] in "/|":
        return text
    return ("/" if "/" in text else "|") + text


small = st.sampled_from([".", *map(str, range(10))])
alleles = st.one_of(small, st.integers(0, 32765).map(str))


@st.composite
def genotypes(draw: st.DrawFn, allele: st.SearchStrategy[str] = alleles, ploidy: int = 5) -> str:
    names = draw(st.lists(allele, min_size=1, max_size=ploidy))
    marks = draw(st.lists(st.sampled_from("/|"), min_size=len(names), max_size=len(names)))
    has_prefix = draw(st.booleans())
    text = "".join(mark + name for mark, name in zip(marks, names, strict=True))
    return text if has_prefix else text[1:]


@settings(deadline=None, max_examples=60)
@given(st.lists(genotypes(), min_size=1, max_size=6))
def test_any_genotype_survives_packing(written: list[str]) -> None:
    cell = pack_line(*written)
    found = [write(a, p) for a, p in zip(*unpack(cell, len(written)), strict=True)]
    assert found == [with_prefix(text) for text in written]


@settings(deadline=None, max_examples=60)
@given(st.lists(genotypes(small, 2), min_size=1, max_size=8), st.data())
def test_fast_and_slow_paths_agree(written: list[str], data: st.DataObject) -> None:
    """Other subfields, and other records in the batch, change nothing."""
    plain = "\t".join(written).encode()
    tails = data.draw(
        st.lists(
            st.sampled_from(["", ":12", ":1,2:.", ":|"]),
            min_size=len(written),
            max_size=len(written),
        )
    )
    tailed = "\t".join(a + b for a, b in zip(written, tails, strict=True)).encode()
    aligned = "\t".join(["0|1"] * len(written)).encode()
    cells = (
        pack(SampleTexts.of([plain, aligned, tailed, aligned]), len(written)).cells().to_pylist()
    )
    assert cells[0] == cells[2]
    assert cells[1] == cells[3]


@pytest.mark.parametrize(
    ("text", "byte"),
    [
        ("0/0", 0b0001_001_0),
        ("0|1", 0b0001_010_1),
        ("1/0", 0b0010_001_0),
        ("./.", 0b0000_000_0),
        ("./1", 0b0000_010_0),
        ("1", 0b0010_111_0),
        (".", 0b0000_111_0),
        ("14/5", 0b1111_110_0),
    ],
)
def test_common_genotypes_take_one_byte(text: str, byte: int) -> None:
    assert pack_line(text) == bytes([byte])


@pytest.mark.parametrize("text", ["0/0/1", "15/0", "0/6", "/0|1", "0/1/1/1"])
def test_others_take_the_wide_form(text: str) -> None:
    assert len(pack_line(text, "0/0")) > 2


@pytest.mark.parametrize(
    "text", ["", "/", "0/", "a/b", "0//1", "0-1", "-1/0", "0/99999999", "0 1", "0/32766", "1.0"]
)
def test_malformed_genotypes_are_told(text: str) -> None:
    assert parse_genotype(text.encode()) is None
    assert pack(SampleTexts.of([f"0/0\t{text}".encode(), b"0/1\t1/1"]), 2).malformed == {0}


def test_columns_that_only_look_aligned_are_not_mixed_up() -> None:
    """Two samples whose lengths add up to those of two diploid genotypes."""
    cell = pack(SampleTexts.of([b"0\t0|1:1"]), 2).cells()[0].as_py()
    alleles, _ = unpack(cell, 2)
    assert alleles.tolist() == [[0, ABSENT], [0, 1]]


def test_dosage_counts_copies_and_knows_missing() -> None:
    cells = [pack_line("0/0", "0|1", "1/1", "./1", "1"), pack_line("2/1", "0/2", ".", "2/2", "0")]
    assert dosage(cells, [1, 2], 5).tolist() == [[0, 1, 2, MISSING, 1], [1, 1, MISSING, 2, 0]]


def test_dosage_of_wide_cells() -> None:
    cells = [pack_line("0/1/1", "0/20", "./1/1"), pack_line("0/0", "0/1", "1/1")]
    assert dosage(cells, [1, 20], 3).tolist() == [[2, 0, MISSING], [0, 0, 0]]
    assert dosage(cells[:1], [20], 3).tolist() == [[0, 1, MISSING]]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(genotypes(ploidy=3), min_size=3, max_size=3), min_size=1, max_size=4))
def test_counts_agree_with_counting_alleles_one_by_one(lines: list[list[str]]) -> None:
    packed = pack(SampleTexts.of(["\t".join(line).encode() for line in lines]), 3)
    parsed = [[parse_genotype(text.encode()) for text in line] for line in lines]
    called = [[a for g in line if g for a in g.alleles if a >= 0] for line in parsed]
    assert packed.called_alleles().tolist() == [len(line) for line in called]
    assert packed.allele_counts(1).tolist() == [line.count(1) for line in called]
    assert packed.allele_counts(20).tolist() == [line.count(20) for line in called]
    assert [max(x, -1) for x in packed.largest_alleles().tolist()] == [
        max(line, default=-1) for line in called
    ]
    whole, het, hom = [0] * 3, [0] * 3, [0] * 3
    for line in parsed:
        for sample, genotype in enumerate(line):
            assert genotype is not None
            if MISSING in genotype.alleles:
                continue
            whole[sample] += 1
            if len(genotype.alleles) > 1:
                different = len(set(genotype.alleles)) > 1
                het[sample] += different
                hom[sample] += not different and genotype.alleles[0] > 0
    assert packed.sample_counts().tolist() == [whole, het, hom]


def test_taking_variants_and_samples() -> None:
    packed = pack(SampleTexts.of([b"0/0\t0/1", b"0/1/1\t1", b"1/1\t./."]), 2)
    some = packed.take(np.array([1, 2]), np.array([1]))
    alleles, _ = unpack(some.cells()[0].as_py(), 1)
    assert alleles.tolist() == [[1, ABSENT, ABSENT]]
    assert some.cells()[1].as_py() == bytes([0])

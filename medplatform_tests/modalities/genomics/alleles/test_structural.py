"""Structural variants: symbolic alleles, breakends, and what INFO says of them."""

from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from medplatform.modalities.genomics.alleles.allele import list_alleles
from medplatform.modalities.genomics.alleles.structural import disagreeing_lengths


def describe(
    alternates: str, reference: str = "A", end: int | None = None, **info: Any
) -> list[dict]:
    """The alleles of a record at 1:100; `info` holds scalars or lists."""
    return record_alleles(alternates, reference, end, **info).to_dicts()


def record_alleles(
    alternates: str, reference: str = "A", end: int | None = None, **info: Any
) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "variant_id": ["record"],
            "genome_build": ["GRCh38"],
            "chromosome": ["1"],
            "position": pl.Series([100], dtype=pl.Int32),
            "end_position": pl.Series([end], dtype=pl.Int32),
            "reference_allele": [reference],
            "alternate_alleles": [alternates.split(",")],
        }
    )
    return list_alleles(frame, {key: pa.array([value]) for key, value in info.items()})


@pytest.mark.parametrize(
    ("alternate", "form", "mate", "inserted"),
    [
        # The four forms of VCF 4.5, section 5.4, and those with inserted bases (5.4.1).
        ("G[17:198982[", "t[p[", ("17", 198982), ""),
        ("G]17:198982]", "t]p]", ("17", 198982), ""),
        ("]chr13:123456]T", "]p]t", ("13", 123456), ""),
        ("[13:123456[T", "[p[t", ("13", 123456), ""),
        ("CAGTNNNNNCA[2:321682[", "t[p[", ("2", 321682), "AGTNNNNNCA"),
        ("]13:123456]AGTNNNNNCAT", "]p]t", ("13", 123456), "AGTNNNNNCA"),
        # On a contig of an assembly file (5.4.3), on one with colons, at a telomere (5.4.5).
        ("C[<ctg1>:329[", "t[p[", ("ctg1", 329), ""),
        ("C[HLA-DRB1*10:01:01:7[", "t[p[", ("HLA-DRB1*10:01:01", 7), ""),
        (".[13:123457[", "t[p[", ("13", 123457), ""),
        # Single breakends (5.4.9).
        ("G.", "t.", (None, None), ""),
        (".TGCA", ".t", (None, None), "TGC"),
    ],
)
def test_breakends(
    alternate: str, form: str, mate: tuple[str | None, int | None], inserted: str
) -> None:
    (allele,) = describe(alternate)
    assert allele["allele_type"] == "breakend"
    assert allele["sv_type"] == "BND"
    assert allele["breakend_form"] == form
    assert (allele["mate_chromosome"], allele["mate_position"]) == mate
    assert allele["inserted_bases"] == inserted
    assert allele["alternate_allele"] == alternate
    assert allele["is_left_aligned"] is None


@pytest.mark.parametrize(
    ("alternate", "kind", "subtype", "copies"),
    [
        ("<DEL>", "DEL", None, None),
        ("<DUP:TANDEM>", "DUP", "TANDEM", None),
        ("<INS:ME:ALU>", "INS", "ME:ALU", None),
        ("<CNV>", "CNV", None, None),
        ("<CNV:TR>", "CNV", "TR", None),
        ("<CN0>", "CNV", None, 0.0),
        ("<CN\u0663>", None, None, None),
        ("<SOMETHING>", None, None, None),
    ],
)
def test_symbolic_alleles(
    alternate: str, kind: str | None, subtype: str | None, copies: float | None
) -> None:
    (allele,) = describe(alternate, end=200)
    assert allele["allele_type"] == "symbolic"
    assert (allele["sv_type"], allele["sv_subtype"]) == (kind, subtype)
    assert allele["copy_number"] == copies
    assert allele["sv_end"] == (200 if kind else None)


@pytest.mark.parametrize(
    ("alternate", "kind"),
    [("*", "overlapping_deletion"), ("<*>", "unspecified"), ("<NON_REF>", "unspecified")],
)
def test_alleles_that_are_no_change_are_no_structural_variants(alternate: str, kind: str) -> None:
    (allele,) = describe(alternate, end=200, SVTYPE="DEL")
    assert allele["allele_type"] == kind
    assert allele["sv_type"] is None
    assert allele["sv_end"] is None


@pytest.mark.parametrize(
    ("alternates", "reference", "end", "info", "ends"),
    [
        ("<DEL>", "A", 150, {"SVLEN": [-50]}, [150]),
        ("<DEL>", "A", None, {"SVLEN": [-50]}, [150]),
        ("<INS>", "A", None, {"SVLEN": [50]}, [100]),
        # END is that of the longest allele: each has its own length (VCF 4.4, section 1.6.1).
        ("<DEL>,<DUP>", "A", 150, {"SVLEN": [50, 20]}, [150, 120]),
        ("TTT", "TTTA", None, {"SVTYPE": "INDEL"}, [None]),
        ("T", "TCAG", None, {"SVTYPE": "DEL"}, [103]),
    ],
)
def test_where_a_variant_ends(
    alternates: str, reference: str, end: int | None, info: dict, ends: list[int | None]
) -> None:
    assert [allele["sv_end"] for allele in describe(alternates, reference, end, **info)] == ends


def test_values_of_each_allele() -> None:
    deletion, duplication = describe(
        "<DEL>,<DUP>", SVLEN=[-50, 20], CIPOS=[-5, 5, -7, 0], CIEND=[-1, 1], CN=[1.0, 3.0]
    )
    assert (deletion["sv_length"], duplication["sv_length"]) == (50, 20)
    assert (deletion["position_interval"], duplication["position_interval"]) == ([-5, 5], [-7, 0])
    assert deletion["end_interval"] == duplication["end_interval"] == [-1, 1]
    assert (deletion["copy_number"], duplication["copy_number"]) == (1.0, 3.0)


def test_equal_symbolic_alleles_of_other_lengths_are_others() -> None:
    ids = {describe("<DEL>", SVLEN=[length])[0]["allele_id"] for length in (-50, -60)}
    assert ids == {"GRCh38-1-100-A-<DEL>:150:50", "GRCh38-1-100-A-<DEL>:160:60"}


@pytest.mark.parametrize(
    ("alternates", "end", "lengths", "is_doubtful"),
    [
        ("<DEL>", 150, [-50], False),
        ("<DEL>", 150, [-51], False),  # callers that count the base before it
        ("<DEL>", 150, [-80], True),
        ("<INS>", 100, [80], False),
        ("<DEL>,<DUP>", 150, [50, 20], False),
    ],
)
def test_end_and_length_that_disagree(
    alternates: str, end: int, lengths: list[int], is_doubtful: bool
) -> None:
    alleles = record_alleles(alternates, end=end, SVLEN=lengths)
    assert bool(disagreeing_lengths(alleles)) is is_doubtful

"""Texts of INFO and FORMAT: which are kept, and that nobody is named in them."""

import pyarrow as pa
import pytest

from medplatform.modalities.genomics.texts import TextPolicy, scrub

NAMES = {
    "NA12878": "token-1",
    "NA12878-b": "token-2",
    "MRN 77": "patient-1",
    "1234": "patient-2",
    "A": "token-3",
    "22": "token-4",
}


@pytest.mark.parametrize("key", ["SVTYPE", "CLNSIG", "AAChange.refGene", "gq_hist_alt"])
def test_texts_of_public_keys_are_kept(key: str) -> None:
    assert TextPolicy.with_keys().keeps(key)


@pytest.mark.parametrize("key", ["SAMPLE", "NOTES", "callsetnames", "ALL_SUBMITTERS", "svtype", ""])
def test_other_texts_are_not(key: str) -> None:
    assert not TextPolicy.with_keys().keeps(key)


def test_keys_can_be_declared() -> None:
    policy = TextPolicy.with_keys(["LAB_CLASS", "lab_*"])
    assert policy.keeps("LAB_CLASS") and policy.keeps("lab_panel") and policy.keeps("SVTYPE")
    assert not policy.keeps("LAB_NOTES")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NA12878", "token-1"),
        ("het:NA12878|NA12878-b,MRN 77;NA12878", "het:token-1|token-2,patient-1;token-1"),
        ("NA12878_lane2", "token-1_lane2"),
        ("NA128789", "NA128789"),
        ("XNA12878", "XNA12878"),
        ("born 1234", "born patient-2"),
        ("A|G", "A|G"),  # single characters are bases
        ("exon 22", "exon 22"),  # small numbers are counts and chromosomes
        ("", ""),
    ],
)
def test_whole_names_are_replaced(text: str, expected: str) -> None:
    assert scrub(pa.array([None, text, text]), NAMES).to_pylist() == [None, expected, expected]


def test_lists_keep_their_shape() -> None:
    texts = [[["x"]], None, [["NA12878", None], None], [], [["MRN 77"]]]
    array = pa.array(texts, pa.list_(pa.list_(pa.string())))
    expected = [[["x"]], None, [["token-1", None], None], [], [["patient-1"]]]
    scrubbed = scrub(array, NAMES)
    assert (scrubbed.type, scrubbed.to_pylist()) == (array.type, expected)
    assert scrub(array.slice(2, 2), NAMES).to_pylist() == expected[2:4]


def test_texts_that_name_nobody_are_not_copied() -> None:
    array = pa.array(["DEL", "DUP", None])
    assert scrub(array, NAMES) is array
    assert scrub(array, {}) is array

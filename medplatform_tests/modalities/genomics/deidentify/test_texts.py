"""Texts of INFO and FORMAT: which are kept, and that nobody is named in them."""

import pyarrow as pa
import pytest

from medplatform.modalities.genomics.deidentify.texts import TextPolicy, scrub

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


PEOPLE = {
    "JohnSmith": "token-1",
    "Doe^Jane": "token-2",
    "Lynch^Mary": "token-3",
    "LEE-KIM_01": "token-4",
    "ab12": "token-5",
    "AB12": "token-6",
    "TUMOR": "token-7",
    "BRCA2_case": "token-8",
    "Tumor_Normal": "token-9",
    "KRAS_mutant": "token-10",
    "a1b": "token-11",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("JOHNSMITH,johnsmith", "token-1,token-1"),
        ("John_Smith|smith JOHN;low_Smith.John", "token-1|token-1;low_token-1"),
        ("Jane_Doe", "token-2"),
        ("DOE JANE/jane.doe/janedoe", "token-2/token-2/token-2"),
        ("Kim_Lee", "token-4"),
        ("brca2_CASE", "token-8"),
        ("ab12/AB12", "token-5/token-6"),  # each as it is written
        ("Jane%20Doe|x", "token-2|x"),  # as in an address
        ("DOE+JANE", "token-2"),
        ("john%5Fsmith%3B2", "token-1;2"),
        ("jane", "redacted"),
        ("G|Smith|JANE", "G|redacted|redacted"),
    ],
)
def test_names_are_found_in_other_spellings(text: str, expected: str) -> None:
    assert scrub(pa.array([text]), PEOPLE).to_pylist() == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "Lynch_syndrome",  # one word of a name beside others
        "Mary-Anne",
        "DOE",  # a word of three letters
        "BRCA2|KRAS|mutant",  # words of names that are not of people
        "tumor",  # a name of a study, written in another way
        "Normal",
        "A1B",  # a name of three characters, written in another way
        "johnsmithson",
    ],
)
def test_words_that_may_mean_anything_stay(text: str) -> None:
    assert scrub(pa.array([text]), PEOPLE).to_pylist() == [text]


def test_names_of_letters_beyond_ascii_are_found_in_any_case() -> None:
    texts = pa.array(["JÖRG_MÜLLER", "müller.jörg"])
    assert scrub(texts, {"MüllerJörg": "token-1"}).to_pylist() == ["token-1"] * 2


def test_texts_that_name_nobody_keep_their_percent_signs() -> None:
    array = pa.array(["100%20", "Jane%20Roe", None])
    assert scrub(array, {"Doe^John": "token-1"}) is array


def test_small_names_alone_change_nothing() -> None:
    array = pa.array(["A", "22"])
    assert scrub(array, {"A": "token-1", "22": "token-2"}) is array

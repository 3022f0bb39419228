"""A data set as a list: nothing is lost, whichever way it is read, and it can be turned back."""

import io
import itertools
import random
import re
import struct
import zlib

import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from benchmarks.fuzz_headers import check, damage, same
from medplatform.modalities.imaging.flatten import Element, walker
from medplatform.modalities.imaging.flatten.reading import walk_beginning, walk_file
from medplatform.modalities.imaging.flatten.restore import to_bytes, to_dataset
from medplatform.modalities.imaging.flatten.tree import MAX_DEPTH, flatten_dataset

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

MOST = 1 << 20
ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0"
UNDEFINED = b"\xff\xff\xff\xff"
_PRIVATE = re.compile(r"(^|\.)[0-9A-F]{3}[13579BDF](?!00[1-9A-F])")
"""In the path of a private element but its creator, or of what stands in one."""


def _dataset() -> Dataset:
    """A data set with an element of every VR, sequences in sequences and private elements."""
    dataset, item, code = Dataset(), Dataset(), Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientName = "山田^太郎"
    dataset.PatientID = ""
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PixelSpacing = ["0.50", "1e-1"]
    dataset.InstanceNumber = "+7"
    dataset.PatientAge, dataset.StudyDate = "045Y", "20200102"
    dataset.StudyTime, dataset.AcquisitionDateTime = "101112", "20200102101112.5+0100"
    dataset.RetrieveAETitle = ["ONE", "TWO"]
    dataset.PatientComments, dataset.PatientAddress = "one\\two", "Straße 1"
    dataset.RetrieveURL = "https://pacs.example/1"
    dataset.FrameIncrementPointer = [0x00181063, 0x00181065]
    dataset.EventTimeOffset = 0.5
    dataset.Rows, dataset.PixelRepresentation, dataset.SmallestImagePixelValue = 4, 1, -3
    dataset.RecommendedDisplayFrameRateInFloat = 2.5
    dataset.DiffusionBValue = 1000.0
    dataset.ExtendedOffsetTable = struct.pack("<QQ", 0, 10)
    dataset.RedPaletteColorLookupTableData = b"\1\2\3\4"
    dataset.ReferencedSamplePositions = [2**32 - 1]
    dataset.add_new(0x00720082, "SV", -(2**62))
    dataset.add_new(0x00720083, "UV", 2**63 + 1)
    code.CodeValue, code.CodeMeaning = "T-1", "ein Wort"
    item.ConceptNameCodeSequence = Sequence([code])
    item.TextValue = ""
    dataset.ContentSequence = Sequence([item, Dataset()])
    dataset.ReferencedStudySequence = Sequence()
    block = dataset.private_block(0x0099, "MAKER", create=True)
    block.add_new(1, "LO", "private")
    block.add_new(2, "SQ", Sequence([code]))
    return dataset


def _file(dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _explicit(tag: int, vr: str, content: bytes) -> bytes:
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in ("OB", "OW", "SQ", "UN", "UT"):
        return head + struct.pack("<HI", 0, len(content)) + content
    return head + struct.pack("<H", len(content)) + content


def _of(*elements: bytes) -> bytes:
    """A file in Explicit VR Little Endian of encoded elements."""
    return _file(Dataset()) + b"".join(elements)


def _both(data: bytes) -> list[Element]:
    """What both ways find, which is the same."""
    walked = walk_file(data, most_inflated=MOST)
    assert walked is not None
    elements = flatten_dataset(dcmread(io.BytesIO(data)))
    assert same(walked.elements, elements)
    return [element for element in elements if not element.path.startswith("0002")]


def _by_path(elements: list[Element]) -> dict[str, Element]:
    return {element.path: element for element in elements}


@pytest.mark.parametrize(
    "transfer_syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian],
)
def test_values_are_held_as_their_vr_says(transfer_syntax: str) -> None:
    found = _by_path(_both(_file(_dataset(), transfer_syntax)))
    texts = {
        "00080018": ("1.2.3",),
        "00100010": ("山田^太郎",),
        "00100020": (),
        "00080008": ("ORIGINAL", "PRIMARY"),
        "00280030": ("0.50", "1e-1"),
        "00200013": ("+7",),
        "00104000": ("one\\two",),
        "00280009": ("00181063", "00181065"),
        "00720082": (str(-(2**62)),),
        "00720083": (str(2**63 + 1),),
        "0040A730[0].0040A043[0].00080104": ("ein Wort",),
        "0040A730[0].0040A160": (),
        "00990010": ("MAKER",),
    }
    assert {path: found[path].text for path in texts} == texts
    numbers = {
        "00280030": (0.5, 0.1),
        "00200013": (7,),
        "00280010": (4,),
        "00280106": (-3,),
        "00089459": (2.5,),
        "0040A132": (2**32 - 1,),
        "0040A730": (2,),
        "00081110": (0,),
    }
    assert {path: found[path].number for path in numbers} == numbers
    assert found["00281201"].binary == b"\1\2\3\4"
    assert {e.vr for e in found.values()} >= {"SQ", "PN", "DS", "IS", "AT", "SV", "UV", "UR", "OV"}


def test_private_elements_name_their_creator() -> None:
    found = _by_path(_both(_file(_dataset())))
    assert found["00990010"].creator is None
    assert (found["00991001"].creator, found["00991001"].text) == ("MAKER", ("private",))
    assert (found["00991002"].vr, found["00991002"].creator) == ("SQ", "MAKER")
    assert found["00991002[0].00080100"].creator is None


def test_big_endian_words_are_turned() -> None:
    data = _file(_dataset(), ExplicitVRBigEndian)
    assert walk_file(data, most_inflated=MOST) is None
    found = _by_path(flatten_dataset(dcmread(io.BytesIO(data))))
    assert found["00281201"].binary == b"\2\1\4\3"
    assert (found["00280010"].number, found["00720082"].text) == ((4,), (str(-(2**62)),))


@pytest.mark.parametrize("transfer_syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_data_set_can_be_made_of_its_elements_again(transfer_syntax: str) -> None:
    dataset = dcmread(io.BytesIO(_file(_dataset(), transfer_syntax)))
    elements = flatten_dataset(dataset)
    restored = to_dataset(elements)
    assert restored.file_meta == dataset.file_meta
    assert list(restored) == list(dataset)
    assert same(flatten_dataset(restored), elements)


@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO_IR 192", "GB18030", "\\ISO 2022 IR 87"])
def test_text_is_decoded_once_and_for_all(charset: str) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = charset.split("\\")
    name = "Müller^Jörg" if charset == "ISO_IR 100" else "山田^太郎"
    dataset.PatientName = name
    assert _by_path(_both(_file(dataset)))["00100010"].text == (name,)


def test_a_misspelt_character_set_is_understood() -> None:
    data = _of(
        _explicit(0x00080005, "CS", b"ISO-IR 100"), _explicit(0x00100010, "PN", b"M\xfcller")
    )
    assert _by_path(_both(data))["00100010"].text == ("Müller",)


@pytest.mark.parametrize(
    ("tag", "vr", "content"),
    [
        (0x00280010, "US", b"\1\2\3\4\5\6\7"),
        (0x00189087, "FD", b"\1\2"),
        (0x00280009, "AT", b"\1\2"),
        (0x00100010, "PN", b"M\xfcller "),
        (0x00081140, "SQ", b"\1\2\3\4\5\6\7\x08"),
    ],
)
def test_bytes_that_are_not_of_their_vr_are_kept(tag: int, vr: str, content: bytes) -> None:
    dataset = Dataset()
    dataset._dict[Tag(tag)] = RawDataElement(Tag(tag), vr, len(content), content, 0, False, True)
    dataset.set_original_encoding(False, True, "UTF8")
    (element,) = flatten_dataset(dataset)
    assert (element.vr, element.binary, element.is_broken) == (vr, content, True)
    assert to_bytes(element) == content


@pytest.mark.parametrize(
    ("tag", "vr", "content"),
    [
        (0x00200013, "IS", b"1A"),
        (0x00180050, "DS", b"1.9.10.0"),
        (0x00180050, "DS", b"1\\\\2 "),
        (0x00180050, "DS", b"nan "),
        (0x00200013, "IS", b"99999999999999999999"),
    ],
)
def test_text_that_is_no_number_is_kept_as_text(tag: int, vr: str, content: bytes) -> None:
    (element,) = _both(_of(_explicit(tag, vr, content)))
    assert (element.text, element.number) == (tuple(content.decode().rstrip().split("\\")), None)


def test_a_long_decimal_is_kept_digit_by_digit() -> None:
    (element,) = _both(_of(_explicit(0x00180050, "DS", b"0.12345678901234567890")))
    assert element.text == ("0.12345678901234567890",)
    assert element.number == (0.12345678901234568,)


def test_nothing_and_padding_are_told_apart() -> None:
    data = _of(_explicit(0x00080060, "CS", b""), _explicit(0x00080070, "LO", b"  "))
    assert [element.text for element in _both(data)] == [(), ("",)]


def test_un_of_undefined_length_is_an_implicit_sequence() -> None:
    inner = struct.pack("<HHI", 0x0040, 0xA160, 4) + b"text"
    items = ITEM + UNDEFINED + inner + ITEM_END + bytes(4) + SEQUENCE_END + bytes(4)
    un = struct.pack("<HH2sH", 0x0099, 0x1001, b"UN", 0) + UNDEFINED + items
    found = _both(_of(_explicit(0x00990010, "LO", b"MAKER "), un))
    assert found[1:] == [
        Element("00991001", "SQ", "MAKER", None, (1,)),
        Element("00991001[0].0040A160", "UT", None, ("text",)),
    ]


def test_a_private_un_has_the_vr_that_its_creator_is_known_for() -> None:
    creator = _explicit(0x00090010, "LO", b"GEMS_IDEN_01")
    (_, element) = _both(_of(creator, _explicit(0x00091001, "UN", b"GE_GENESIS_FF ")))
    assert (element.vr, element.text) == ("LO", ("GE_GENESIS_FF",))


@pytest.mark.parametrize("encapsulated", [False, True])
def test_elements_behind_the_pixels_are_found_and_pixels_are_passed_over(
    encapsulated: bool,
) -> None:
    fragments = ITEM + bytes(4) + ITEM + b"\4\0\0\0abcd"
    native = _explicit(0x7FE00010, "OB", b"abcdefgh")
    head = struct.pack("<HH2sH", 0x7FE0, 0x0010, b"OB", 0) + UNDEFINED
    pixels = head + fragments + SEQUENCE_END + bytes(4) if encapsulated else native
    data = _of(_explicit(0x00280010, "US", b"\4\0"), pixels, _explicit(0xFFFCFFFC, "OB", b"\0\0"))
    assert [element.path for element in _both(data)] == ["00280010", "FFFCFFFC"]
    walked = walk_file(data, most_inflated=MOST)
    assert walked
    assert walked.pixels
    start, length = walked.pixels.start, walked.pixels.length
    assert data[start : start + length] == (fragments if encapsulated else b"abcdefgh")
    assert walked.pixels.is_encapsulated is encapsulated


def test_truncated_pixels_are_no_reason_to_lose_the_header() -> None:
    pixels = _explicit(0x7FE00010, "OB", b"abcdefgh")[:-4]
    assert [e.path for e in _both(_of(_explicit(0x00280010, "US", b"\4\0"), pixels))] == [
        "00280010"
    ]


@pytest.mark.parametrize(
    "elements",
    [
        [_explicit(0x00100020, "LO", b"A "), _explicit(0x00080060, "CS", b"CT")],
        [_explicit(0x00080060, "CS", b"CT"), _explicit(0x00080060, "CS", b"MR")],
        [_explicit(0x00080060, "ZZ", b"CT")],
        [_explicit(0x00080060, "CS", b"CT")[:-1]],
        [_explicit(0x00081140, "SQ", ITEM + b"\x40\0\0\0")],
        [_explicit(0x00100020, "LO", b"A "), b"\0\0\0"],
        [_explicit(0x00080080, "LO", b"A "), _explicit(0x00080005, "AT", b"abcd")],
    ],
    ids=["order", "twice", "vr", "length", "item", "rest", "character set"],
)
def test_the_walker_gives_up_on_what_is_out_of_the_ordinary(elements: list[bytes]) -> None:
    assert walk_file(_of(*elements), most_inflated=MOST) is None


def test_no_more_is_inflated_than_allowed() -> None:
    bomb = _file(Dataset(), DeflatedExplicitVRLittleEndian)
    start = bomb.index(DeflatedExplicitVRLittleEndian.encode()) + len(
        DeflatedExplicitVRLittleEndian
    )
    deflated = zlib.compress(_explicit(0x00104000, "UT", bytes(1 << 22)), wbits=-15)
    assert walk_file(bomb[: start + start % 2] + deflated, most_inflated=MOST) is None


def test_sequences_are_not_followed_for_ever() -> None:
    dataset = Dataset()
    for _ in range(MAX_DEPTH + 2):
        outer = Dataset()
        outer.ContentSequence = Sequence([dataset])
        dataset = outer
    with pytest.raises(RecursionError):
        flatten_dataset(dataset)


def test_the_beginning_of_a_file_is_read_without_the_rest() -> None:
    data = _file(_dataset())
    beginning = walk_beginning(data[:600], "00080018")
    assert beginning
    assert (beginning[-1].path, beginning[-1].text) == ("00080018", ("1.2.3",))
    assert walk_beginning(data[:600], "00080019") == beginning
    assert walk_beginning(data[:200], "00080018") is None


@pytest.mark.parametrize("transfer_syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_of_damaged_files_both_ways_find_the_same(transfer_syntax: str) -> None:
    rng, data = random.Random(1), _file(_dataset(), transfer_syntax)
    outcomes = [check(damage(data, rng)) for _ in range(400)]
    assert [outcome for outcome in outcomes if outcome.startswith("!")] == []
    assert outcomes.count("equal") > 20


def test_private_elements_that_nobody_wants_are_passed_over() -> None:
    data = _file(_dataset(), ExplicitVRLittleEndian)
    everything = walk_file(data, most_inflated=MOST)
    walked = walk_file(data, most_inflated=MOST, keeps_private=lambda _digits, _creator: False)
    assert walked
    assert everything
    private = [each for each in everything.elements if _PRIVATE.search(each.path)]
    assert private
    assert walked.elements == [each for each in everything.elements if each not in private]
    assert walked.pixels == everything.pixels


def test_few_elements_are_remembered_whatever_character_sets_files_have() -> None:
    names = ["ISO 2022 IR 6", "ISO 2022 IR 100", "ISO 2022 IR 101", "ISO 2022 IR 144"]
    for order in itertools.permutations(names):
        dataset = Dataset()
        dataset.SpecificCharacterSet, dataset.Modality = list(order), "MR"
        assert walk_file(_file(dataset, ExplicitVRLittleEndian), most_inflated=MOST)
        assert len(walker._SEEN) <= walker._MOST_CHARSETS

"""Public files of all kinds: both ways find the same, which is what pydicom finds."""

import io
import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.multival import MultiValue

from benchmarks.fuzz_headers import check, damage, read_corpus, same
from medplatform.modalities.imaging.errors import READ_ERRORS
from medplatform.modalities.imaging.flatten.element import PIXEL_TAGS
from medplatform.modalities.imaging.flatten.reading import walk_file
from medplatform.modalities.imaging.flatten.restore import to_dataset
from medplatform.modalities.imaging.flatten.tree import WORD_BYTES, flatten_dataset
from medplatform_tests.modalities.imaging.test_real import PEER, SERIES

pytestmark = [
    pytest.mark.real,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not PEER.is_dir(), reason="no public imaging data"),
]

MOST = 1 << 26
UNRESOLVED = "OB or OW"
"""pydicom leaves the VR of some retired elements open; flattened they are OW."""


@pytest.fixture(scope="module")
def files() -> list[tuple[bytes, Dataset]]:
    """All files that pydicom can parse."""
    logging.disable(logging.CRITICAL)
    found = []
    for folder in (PEER, SERIES):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            data = path.read_bytes()
            try:
                found.append((data, dcmread(io.BytesIO(data), force=True)))
            except READ_ERRORS:
                continue
    logging.disable(logging.NOTSET)
    return found


def test_the_walker_answers_for_most_files_and_never_differs(
    files: list[tuple[bytes, Dataset]],
) -> None:
    answered = 0
    for data, dataset in files:
        walked = walk_file(data, most_inflated=MOST)
        if walked:
            answered += 1
            assert same(walked.elements, flatten_dataset(dataset))
    assert answered > 0.8 * len(files)


def test_every_data_set_can_be_made_of_its_elements_again(
    files: list[tuple[bytes, Dataset]],
) -> None:
    differences = []
    for data, dataset in files:
        restored = to_dataset(flatten_dataset(dataset))
        original = dcmread(io.BytesIO(data), force=True)
        differences += _differences(original, restored, is_top=True)
        differences += _differences(original.file_meta, restored.file_meta, is_top=True)
    assert differences == []


def test_of_damaged_files_both_ways_find_the_same() -> None:
    logging.disable(logging.CRITICAL)
    rng, corpus = random.Random(1), read_corpus(PEER)
    outcomes = [check(damage(rng.choice(corpus), rng)) for _ in range(1500)]
    logging.disable(logging.NOTSET)
    assert [outcome for outcome in outcomes if outcome.startswith("!")] == []
    assert outcomes.count("equal") > 300


def _differences(one: Dataset, other: Dataset, *, is_top: bool = False) -> Iterator[str]:
    """Tags of the elements that are not the same, to the last item."""
    skipped = PIXEL_TAGS if is_top else frozenset()
    if {tag for tag in one.keys() if tag not in skipped} != set(other.keys()):  # noqa: SIM118
        yield "other elements"
        return
    is_little = one.original_encoding[1] is not False
    for tag in other.keys():  # noqa: SIM118 - iterating converts the elements
        (vr, value), (other_vr, restored) = _read(one, tag), _read(other, tag)
        if isinstance(value, Sequence) and isinstance(restored, Sequence):
            if len(value) != len(restored):
                yield str(tag)
            for items in zip(value, restored, strict=False):
                yield from _differences(*items)
        elif vr not in (other_vr, UNRESOLVED) or not _equal(value, restored):
            if is_little or not (isinstance(value, bytes) or vr == "AT"):
                yield str(tag)
            elif vr in WORD_BYTES and isinstance(value, bytes):
                size = WORD_BYTES[vr]
                words = [value[i : i + size][::-1] for i in range(0, len(value), size)]
                if b"".join(words) != restored:
                    yield str(tag)


def _read(dataset: Dataset, tag: Any) -> tuple[str, Any]:
    """VR and value; for an element that pydicom cannot read the exception."""
    try:
        element = dataset[tag]
    except READ_ERRORS as error:
        return "error", type(error)
    return element.VR, element.value


def _equal(value: Any, other: Any) -> bool:
    if isinstance(value, MultiValue | list):
        return len(value) == len(other) and all(map(_equal, value, other))
    if isinstance(value, bytes):
        return value in (other, other.removesuffix(b"\0"))
    if value != value:  # NaN
        return other != other
    return value == other and str(value).rstrip(" \0") == str(other).rstrip(" \0")

"""Elements come out of the other end as they went in, those that files share only once."""

import pickle
from collections.abc import Sequence

import pytest

from medplatform.modalities.imaging import transport
from medplatform.modalities.imaging.deidentify import PLATFORM_POLICY, prepare
from medplatform.modalities.imaging.flatten import Element, SharedElement
from medplatform.modalities.imaging.records import Header
from medplatform.modalities.imaging.transport import Receiver, Sender

MODALITY = SharedElement("00080060", "CS", text=("MR",))
SERIES = SharedElement("0020000E", "UI", text=("1.2",))


def number(value: int) -> Element:
    return Element("00200013", "IS", text=(str(value),), number=(value,))


def shared_number(value: int) -> SharedElement:
    return SharedElement(*number(value))


def sent(sender: Sender, receiver: Receiver, elements: Sequence[Element]) -> list[Element]:
    return receiver.unpack(pickle.loads(pickle.dumps(sender.pack(elements))))


@pytest.mark.parametrize("make", [number, shared_number])
def test_all_elements_arrive_in_their_order(make: type[Element]) -> None:
    sender, receiver = Sender(), Receiver()
    for value in range(5):
        elements = [MODALITY, make(value), SERIES, number(-value), SERIES]
        assert sent(sender, receiver, elements) == elements


def test_a_data_set_without_elements_arrives() -> None:
    assert sent(Sender(), Receiver(), []) == []


def test_what_files_share_is_sent_once_and_is_one_object_at_the_other_end() -> None:
    sender, receiver = Sender(), Receiver()
    first = sent(sender, receiver, [MODALITY, number(1), SERIES])
    packed = sender.pack([MODALITY, number(2), SERIES])
    assert packed.shared == ()
    assert len(list(zip(*packed.others, strict=True))) == 1
    second = receiver.unpack(packed)
    assert second[0] is first[0]
    assert second[2] is first[2]
    assert isinstance(second[0], SharedElement)


def test_an_equal_element_that_is_another_object_is_another_one() -> None:
    sender, receiver = Sender(), Receiver()
    found = sent(sender, receiver, [shared_number(1), shared_number(1)])
    assert found == [number(1), number(1)]
    assert found[0] is not found[1]


def test_neither_end_remembers_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_MOST_NUMBERED", 10)
    sender, receiver = Sender(), Receiver()
    for value in range(100):
        elements = [MODALITY, shared_number(value), SERIES]
        assert sent(sender, receiver, elements) == elements
        assert len(sender._numbers) == len(sender._shared) == len(receiver._shared) <= 14


def test_a_header_arrives_with_its_elements_and_marks() -> None:
    elements = [MODALITY, SERIES, number(7)]
    header = Header(series_uid="1.2", prepared=prepare(elements, PLATFORM_POLICY))
    expected = prepare(elements, PLATFORM_POLICY)
    answer = pickle.loads(pickle.dumps(Sender().answer(header, 3)))
    assert answer.cells == 3
    received = Receiver().header(answer)
    assert isinstance(received, Header)
    assert received.prepared == expected
    assert received.series_uid == "1.2"


def test_a_header_without_elements_arrives() -> None:
    answer = Sender().answer(Header(patient_id="MRN-1"), 0)
    assert Receiver().header(answer) == Header(patient_id="MRN-1")

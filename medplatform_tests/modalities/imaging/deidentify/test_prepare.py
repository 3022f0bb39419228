"""What becomes of the elements of a data set under a policy."""

from datetime import date, timedelta

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from medplatform.modalities.imaging import terms
from medplatform.modalities.imaging.deidentify import (
    PLATFORM_POLICY,
    Policy,
    prepare,
    pseudonymous_uid,
)
from medplatform.modalities.imaging.flatten import Element, SharedElement
from medplatform.modalities.imaging.flatten.tree import flatten_dataset
from medplatform.privacy import Identity, Subject
from medplatform_tests.modalities.imaging.deidentify.conftest import Deidentify, make

NOTHING = Policy(
    dates="remove",
    retain_patient_characteristics=False,
    retain_safe_private=False,
    clean_descriptors=False,
    clean_structured_content=False,
    clean_graphics=False,
    clean_pixel_data=False,
)
"""The basic profile alone."""


def code(value: str, scheme: str, meaning: str) -> Dataset:
    return make(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def test_the_patient_is_their_pseudonym(deidentify: Deidentify, subject: Subject) -> None:
    found = deidentify(make(PatientID="MRN-1", PatientName="Doe^Jane", AccessionNumber="A1"))
    assert found["00100020"].text == (subject.patient_id,)
    assert found["00100010"].text == found["00080050"].text == ()


def test_the_pseudonym_stands_even_where_the_id_was_no_text(
    deidentify: Deidentify, subject: Subject
) -> None:
    assert deidentify(make(PatientID=""))["00100020"].text == (subject.patient_id,)


def test_uids_are_replaced_alike_wherever_they_stand(
    deidentify: Deidentify, identity: Identity
) -> None:
    dataset = make(
        SOPClassUID=CTImageStorage,
        SOPInstanceUID="1.2.3",
        ReferencedImageSequence=[make(ReferencedSOPInstanceUID="1.2.3")],
    )
    found = deidentify(dataset)
    assert found["00080016"].text == (CTImageStorage,)
    assert found["00080018"].text == (identity.uid("1.2.3"),)
    assert found["00081140[0].00081155"].text == (identity.uid("1.2.3"),)


def test_a_number_of_somebody_is_no_uid_of_the_standard(deidentify: Deidentify) -> None:
    found = deidentify(make(SOPInstanceUID="1.2.840.10008.77013313"))
    assert found["00080018"].text[0].startswith("2.25.")


def test_dates_move_by_the_days_of_the_patient(deidentify: Deidentify, subject: Subject) -> None:
    dataset = make(
        StudyDate="20200101",
        StudyTime="101500",
        AcquisitionDateTime="20200103101500.25+0100",
        TimezoneOffsetFromUTC="+0100",
    )
    found = deidentify(dataset)
    days = timedelta(days=subject.shift_days)
    assert found["00080020"].text == (f"{date(2020, 1, 1) + days:%Y%m%d}",)
    assert found["0008002A"].text == (f"{date(2020, 1, 3) + days:%Y%m%d}101500.25+0100",)
    assert found["00080030"].text == ("101500",)
    assert found["00080201"].text == ("+0100",)


@pytest.mark.parametrize("value", ["yesterday", "20201399", "00010101", "20200101-20200201"])
def test_what_is_no_date_is_emptied(deidentify: Deidentify, value: str) -> None:
    dataset = Dataset()
    dataset.add_new("StudyDate", "DA", "")
    elements = [
        each._replace(text=(value,)) if each.path == "00080020" else each
        for each in flatten_dataset(dataset)
    ]
    prepared = prepare(elements, PLATFORM_POLICY)
    assert value not in repr(deidentify(dataset))
    assert prepared.dates  # it is looked at where the days are known


def test_dates_are_kept_or_removed_where_a_policy_says_so(deidentify: Deidentify) -> None:
    dataset = make(StudyDate="20200101", AdmittingDate="20200102", ContentDate="20200102")
    kept = deidentify(dataset, Policy(dates="keep"))
    assert kept["00080020"].text == ("20200101",)
    assert kept["00280303"].text == ("UNMODIFIED",)
    removed = deidentify(dataset, NOTHING)
    assert removed["00080020"].text == ()
    assert "00380020" not in removed
    assert removed["00080023"].text == ("19000101",)  # required, so a date that says nothing
    assert removed["00280303"].text == ("REMOVED",)


@pytest.mark.parametrize(("age", "kept"), [("034Y", "034Y"), ("094Y", "090Y"), ("003M", "003M")])
def test_ages_of_ninety_and_more_are_one(deidentify: Deidentify, age: str, kept: str) -> None:
    dataset = make(PatientAge=age, PatientSex="F", PatientWeight="60")
    found = deidentify(dataset)
    assert found["00101010"].text == (kept,)
    assert (found["00100040"].text, found["00101030"].number) == (("F",), (60.0,))
    assert "00101010" not in deidentify(dataset, NOTHING)


@pytest.mark.parametrize(
    ("keyword", "path", "option"),
    [
        ("DeviceSerialNumber", "00181000", "retain_device_identity"),
        ("InstitutionName", "00080080", "retain_institution_identity"),
        ("StudyInstanceUID", "0020000D", "retain_uids"),
    ],
)
def test_options_retain(deidentify: Deidentify, keyword: str, path: str, option: str) -> None:
    dataset = make(**{keyword: "1.77"})
    assert deidentify(dataset)[path].text != ("1.77",)
    assert deidentify(dataset, Policy(**{option: True}))[path].text == ("1.77",)


def test_descriptions_stay_where_they_are_terms(deidentify: Deidentify) -> None:
    dataset = make(SeriesDescription="T1 AX FLAIR 5.0 mm", StudyDescription="Brain of Jane Doe")
    found = deidentify(dataset)
    assert found["0008103E"].text == ("T1 AX FLAIR 5.0 mm",)
    assert found["00081030"].text == ()
    assert "0008103E" not in deidentify(dataset, NOTHING)


def test_texts_that_an_object_needs_are_replaced(deidentify: Deidentify) -> None:
    dataset = make(ProtocolName="Jane", SegmentSequence=[make(SegmentLabel="Jane's")])
    found = deidentify(dataset)
    assert found["00181030"].text == ("ANONYMIZED",)
    assert found["00620002[0].00620005"].text == ("ANONYMIZED",)


@pytest.mark.parametrize("sex", ["N/A", "DOE JANE"])
def test_a_term_that_is_none_is_emptied_where_the_attribute_has_to_be_there(
    deidentify: Deidentify, sex: str
) -> None:
    found = deidentify(make(PatientSex=sex, BurnedInAnnotation=sex))
    assert found["00100040"].text == ()
    assert "00280301" not in found


def test_what_the_standard_does_not_know_goes(deidentify: Deidentify) -> None:
    dataset = Dataset()
    dataset.add_new(0x00189FF9, "US", 7)
    dataset.add_new(0x00189FFB, "SQ", [make(Rows=1)])
    dataset.add_new(0x00080000, "UL", 4)  # group length
    assert not [path for path in deidentify(dataset) if path[:4] in ("0018", "0008")]


def test_private_elements_stay_where_the_standard_calls_them_safe(
    deidentify: Deidentify,
) -> None:
    dataset = Dataset()
    block = dataset.private_block(0x2001, "Philips Imaging DD 001", create=True)
    block.add_new(0x03, "FL", 1000.0)
    block.add_new(0xFE, "LO", "Jane")
    dataset.private_block(0x0099, "OURS", create=True).add_new(0x01, "DS", "1")
    found = deidentify(dataset)
    assert found["20011003"].number == (1000.0,)
    assert found["20010010"].text == ("Philips Imaging DD 001",)
    assert not [path for path in found if path.startswith("0099") or path == "200110FE"]
    assert "20011003" not in deidentify(dataset, NOTHING)


def test_safe_private_numbers_of_unknown_vr_are_decoded(deidentify: Deidentify) -> None:
    dataset = Dataset()
    block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "UN", b"1.25 ")
    elements = [
        each._replace(vr="UN", text=None, number=None, binary=b"1.25 ")
        if each.path == "70531000"
        else each
        for each in flatten_dataset(dataset)
    ]
    found = {each.path: each for each in prepare(elements, PLATFORM_POLICY).elements}
    assert (found["70531000"].vr, found["70531000"].number) == ("DS", (1.25,))


def test_codes_are_named_by_their_terminology(deidentify: Deidentify) -> None:
    dataset = make(
        AnatomicRegionSequence=[code("39607008", "SCT", "Jane's lung")],
        ProcedureCodeSequence=[code("CT1", "99LOCAL", "Jane")],
        InstitutionCodeSequence=[code("1234", "SCT", "Jane's hospital")],
    )
    found = deidentify(dataset)
    assert found["00082218[0].00080104"].text[0].lower().startswith("lung")
    assert found["00081032[0].00080100"].text == ("CT1",)
    assert found["00081032[0].00080104"].text == ("ANONYMIZED",)
    assert found["00080082[0].00080100"].text == ("ANONYMIZED",)


def test_reports_keep_their_tree_and_numbers(deidentify: Deidentify) -> None:
    number = make(
        ValueType="NUM",
        ConceptNameCodeSequence=[code("121206", "DCM", "Distance")],
        MeasuredValueSequence=[make(NumericValue="12.5")],
    )
    text = make(ValueType="TEXT", TextValue="Jane is well")
    dataset = make(ContentSequence=[number, text])
    found = deidentify(dataset)
    assert found["0040A730[0].0040A300[0].0040A30A"].number == (12.5,)
    assert found["0040A730[1].0040A160"].text == ("ANONYMIZED",)
    assert not [p for p in deidentify(dataset, NOTHING) if p.startswith("0040A730")]


def test_bytes_that_are_not_of_their_vr_go(deidentify: Deidentify) -> None:
    broken = Element("00280010", "US", binary=b"Jane")
    assert [e.path for e in prepare([broken], PLATFORM_POLICY).elements if e.path < "0010"] == []
    assert "Jane" not in repr(prepare([broken], PLATFORM_POLICY))


def test_a_numeric_text_that_is_no_number_goes() -> None:
    elements = [Element("00180050", "DS", text=("Jane",)), Element("00200013", "IS", text=("7",))]
    assert "Jane" not in repr(prepare(elements, PLATFORM_POLICY))


def test_it_is_said_what_was_done(deidentify: Deidentify) -> None:
    found = deidentify(make(PatientID="MRN-1", Rows=4, BurnedInAnnotation="YES"))
    assert found["00120062"].text == ("YES",)
    assert found["00120063"].text == (
        "DICOM PS3.15 Annex E",
        f"policy {PLATFORM_POLICY.digest[:16]}",
    )
    codes = [each.text[0] for path, each in found.items() if path.endswith(".00080100")]
    assert codes == ["113100", "113101", "113103", "113104", "113105", "113107", "113108", "113111"]
    assert found["00280303"].text == ("MODIFIED",)
    assert found["00280301"].text == ("YES",)
    assert list(found) == sorted(found)


def test_pixels_that_show_no_text_are_said_to_show_none(deidentify: Deidentify) -> None:
    found = deidentify(make(BurnedInAnnotation="YES"), is_clean_of_text=True)
    assert found["00280301"].text == ("NO",)
    assert deidentify(make(Rows=4), is_clean_of_text=True)["00280301"].text == ("NO",)


def test_elements_of_several_private_blocks_stay_in_order_of_their_tags(
    deidentify: Deidentify,
) -> None:
    dataset = make(PatientID="MRN-1", FrameOfReferenceUID="1.2.3")
    for number, creator in enumerate(("Philips Imaging DD 001", "OURS", "Philips Imaging DD 001")):
        dataset.add_new(0x20010010 + number, "LO", creator)
        dataset.add_new(0x20010003 + (0x10 + number << 8), "FL", 1000.0)
    dataset.add_new(0x20030010, "LO", "OURS")
    dataset.add_new(0x20031001, "LO", "Doe")
    dataset.add_new(0x30060024, "UI", "1.2.3")
    found = deidentify(dataset)
    assert list(found) == sorted(found)
    private = [path for path in found if path.startswith("200")]
    assert private == ["20010010", "20010012", "20011003", "20011203"]
    assert found["30060024"].text == found["00200052"].text != ("1.2.3",)


@pytest.mark.parametrize("place", ["1.2.840.10008.1.4.1.1", "1.2.3"])
def test_a_uid_becomes_the_same_in_columns_and_elements(
    place: str, deidentify: Deidentify, identity: Identity
) -> None:
    found = deidentify(make(FrameOfReferenceUID=place))
    assert found["00200052"].text == (pseudonymous_uid(identity, place),)
    assert (pseudonymous_uid(identity, place) == place) is place.startswith("1.2.840.10008")


@pytest.mark.parametrize(
    "uid", ["1.2.840.10008.77013313", "1.2.840.10008.5.01", "1.2.840.100081.1"]
)
def test_a_uid_of_somebody_below_the_root_of_the_standard_is_replaced(
    uid: str, identity: Identity
) -> None:
    assert pseudonymous_uid(identity, uid) == identity.uid(uid)
    assert terms.standard_uid(uid) is None


def test_what_files_share_is_acted_on_by_the_policy_of_each() -> None:
    same = [
        Element("00080020", "DA", None, ("20200103",)),
        Element("00080060", "CS", None, ("MR",)),
        Element("00100040", "CS", None, ("F",)),
    ]
    for _ in range(2):
        kept = {element.path: element.text for element in prepare(same, PLATFORM_POLICY).elements}
        assert (kept["00080060"], kept["00100040"]) == (("MR",), ("F",))
        assert prepare(same, PLATFORM_POLICY).dates
        bare = {element.path: element.text for element in prepare(same, NOTHING).elements}
        assert (bare["00080060"], bare["00100040"]) == (("MR",), ())
        assert not prepare(same, NOTHING).dates


BURNED_IN = SharedElement("00280301", "CS", text=("YES",))
STATION = SharedElement("00081010", "SH", text=("MR01",))


@pytest.mark.parametrize("order", [(False, True, False), (True, False, True)])
def test_an_element_that_files_share_is_acted_on_by_what_is_known_of_each_file(
    order: tuple[bool, ...],
) -> None:
    for is_clean in order:
        prepared = prepare([BURNED_IN], PLATFORM_POLICY, is_clean_of_text=is_clean)
        said = [each.text for each in prepared.elements if each.path == "00280301"]
        assert said == [("NO",) if is_clean else ("YES",)]


@pytest.mark.parametrize("keeps", [(False, True, False), (True, False, True)])
def test_an_element_that_files_share_is_acted_on_by_each_policy(keeps: tuple[bool, ...]) -> None:
    for is_kept in keeps:
        prepared = prepare([STATION], Policy(retain_device_identity=is_kept))
        assert (STATION in prepared.elements) is is_kept

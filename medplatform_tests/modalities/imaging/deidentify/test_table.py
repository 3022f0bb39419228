"""The tables of the standard, as data of the package."""

from collections import Counter

from pydicom._dicom_dict import DicomDictionary

from medplatform.modalities.imaging.deidentify.table import (
    attribute_types,
    attributes,
    safe_private_vrs,
)

CODES = {"X", "Z", "D", "U", "X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"}


def test_the_table_is_whole() -> None:
    counts = Counter(row.basic for row in attributes().values())
    assert counts == {"X": 415, "D": 93, "U": 55, "Z": 42, "X/D": 23} | {
        "X/Z": 11,
        "X/Z/D": 8,
        "Z/D": 6,
        "X/Z/U*": 2,
    }
    assert set(counts) == CODES
    options = Counter(name for row in attributes().values() for name in row.options)
    assert options == {"retain_dates": 169, "modify_dates": 169, "clean_descriptors": 140} | {
        "retain_uids": 60,
        "retain_device": 59,
        "retain_patient": 19,
        "retain_institution": 10,
        "clean_structured_content": 4,
        "clean_graphics": 4,
    }


def test_rows_are_those_of_the_standard() -> None:
    table = attributes()
    assert table["00100010"] == ("Patient's Name", "Z", {})
    assert table["00100020"].basic == "Z/D"
    assert table["00080018"] == ("SOP Instance UID", "U", {"retain_uids": "K"})
    assert table["00181000"].options == {"retain_device": "K"}
    assert table["0008103E"] == ("Series Description", "X", {"clean_descriptors": "C"})
    assert table["00102110"].options == {"retain_patient": "C", "clean_descriptors": "C"}
    assert table["0040A730"] == ("Content Sequence", "D", {"clean_structured_content": "C"})
    dates = {"retain_dates": "K", "modify_dates": "C"}
    assert table["00080020"].options == table["00080023"].options == dates


def test_full_and_modified_dates_are_options_of_the_same_attributes() -> None:
    for row in attributes().values():
        assert ("retain_dates" in row.options) == ("modify_dates" in row.options)


def test_names_are_those_of_the_dictionary() -> None:
    differing = [
        tag
        for tag, row in attributes().items()
        if "X" not in tag
        and int(tag, 16) in DicomDictionary
        and DicomDictionary[int(tag, 16)][2].lower() != row.name.lower()
    ]
    assert len(differing) < 20, differing  # of editions that named them otherwise


def test_types_are_those_that_an_object_needs() -> None:
    types = attribute_types()
    assert set(types.values()) == {1, 2}
    assert types["00080070"] == 1  # Manufacturer, in enhanced objects
    assert types["00200010"] == 2  # Study ID
    assert "00104000" not in types  # Patient Comments


def test_safe_private_attributes_have_a_vr() -> None:
    safe = safe_private_vrs()
    assert len(safe) == 460
    assert safe["SIEMENS MR HEADER", "00190C"] == "IS"
    assert safe["GEMS_PARM_01", "004339"] == "IS"
    assert safe["Philips Imaging DD 001", "200103"] == "FL"

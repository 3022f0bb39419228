"""Random FHIR content: elements by the definitions, values from what makes a difference."""

from typing import Any

from hypothesis import strategies as st

from medplatform.modalities.ehr.definitions import ElementDefinition, Release, elements_of

_DATES = ["1931", "1980-05", "2001-02-28", "2024-05-17", "2024-05-18", "2031", "1650-01-01", "x"]
_TIMES = [
    "2016-12-31T23:59:60Z",
    "2020-02-29T10:30:00.123-05:00",
    "2020-02-29T10:30:00.1234567Z",
    "1999-01-01T00:00:00+14:00",
    "2020-02-30T00:00:00Z",
]
_URIS = [
    "http://loinc.org",
    "http://snomed.info/sct",
    "http://unitsofmeasure.org",
    "https://hospital.example/mrn",
    "https://hospital.example/patients/1234567?name=Doe",
    "http://hl7.org/fhir/sid/us-ssn",
    "urn:dicom:uid",
    "urn:oid:1.2.840.113619",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
    "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
    "ombCategory",
    "Patient",
]
_TEXTS = ["mg/dL", "Jane Doe", "02139", "03601", "US", "Germany", "a", "mo", "1.2.840.1", "#p1", ""]
_REFERENCES = ["Patient/p1", "Encounter/e1", "https://h.example/fhir/Patient/p2", "urn:uuid:1"]
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "date": st.sampled_from(_DATES),
    "dateTime": st.sampled_from(_DATES + _TIMES),
    "instant": st.sampled_from(_TIMES),
    "decimal": st.sampled_from(["72.50", "1e2", "-0.0", "89.9", "90", "1100", "1e400"]),
    "uri": st.sampled_from(_URIS),
    "canonical": st.sampled_from(_URIS),
    "id": st.sampled_from(["p1", "12", "7", "1.2.840"]),
    "code": st.sampled_from(["a", "mo", "final", "wk", "8302-2", "text/html; name=Doe"]),
    **dict.fromkeys(("integer", "positiveInt", "unsignedInt", "integer64"), st.integers(0, 99)),
}
_TEXT = st.sampled_from(_TEXTS + _REFERENCES + _URIS)


def resources(resource_type: str, depth: int = 4) -> st.SearchStrategy[dict[str, Any]]:
    """Content of a resource type, not necessarily valid."""
    return _structs(resource_type, depth)


def _structs(type_name: str, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    elements = [
        element
        for element in elements_of(type_name, Release.R4B).values()
        if element.type != "Resource" and (element.is_primitive or depth > 0)
    ]
    return st.lists(st.sampled_from(elements), max_size=6, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries(
            {element.name: _elements(element, depth - 1) for element in chosen}
        )
    )


def _elements(element: ElementDefinition, depth: int) -> st.SearchStrategy[Any]:
    if element.is_primitive:
        values = _VALUES.get(element.type, _TEXT)
        if element.is_list:
            return st.lists(st.none() | values, min_size=1, max_size=3)
        return values
    values = _structs(element.type, depth)
    return st.lists(values, min_size=1, max_size=2) if element.is_list else values

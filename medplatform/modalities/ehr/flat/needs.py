"""Which elements the SQL of a typed table reads, as Arrow types.

A batch has only the elements that occur in it, so it is conformed to these types first: what is
not there is null, what is not needed costs nothing. An element that is a list in R5 and single in
R4 is needed twice, as `class` and as `class_list`.
"""

import numpy as np
import pyarrow as pa

_LIST = "_list"

_TEXT = pa.string()
_MOMENT = pa.timestamp("us", tz="UTC")


def _struct(**fields: pa.DataType) -> pa.StructType:
    return pa.struct(list(fields.items()))


def _date(name: str) -> dict[str, pa.DataType]:
    """A date as it is read here: the moment that it begins, and how exactly it is given."""
    return {f"{name}__start": _MOMENT, f"{name}__precision": _TEXT}


def _start(name: str) -> dict[str, pa.DataType]:
    """A choice of moment or period; its beginning is read."""
    return {**_date(f"{name}DateTime"), **_date(f"{name}Instant"), f"{name}Period": _PERIOD}


_CODING = _struct(system=_TEXT, code=_TEXT, display=_TEXT)
_CONCEPT = _struct(coding=pa.list_(_CODING))
_CONCEPTS = pa.list_(_CONCEPT)
_PERIOD = _struct(**_date("start"), **_date("end"))
_REFERENCE = _struct(reference=_TEXT)
_QUANTITY = _struct(
    value=pa.float64(), value__text=_TEXT, comparator=_TEXT, unit=_TEXT, system=_TEXT, code=_TEXT
)
_SHARED: dict[str, pa.DataType] = {
    "meta": _struct(versionId=_TEXT, **_date("lastUpdated")),
    "encounter": _REFERENCE,
}
_NOTHING = _struct(id=_TEXT)
_VALUE: dict[str, pa.DataType] = {
    "code": _CONCEPT,
    "valueQuantity": _QUANTITY,
    "valueCodeableConcept": _CONCEPT,
    "valueString": _TEXT,
    "valueBoolean": pa.bool_(),
    "valueInteger": pa.int64(),
    "valueRange": _NOTHING,
    "valueRatio": _NOTHING,
    "valueSampledData": _NOTHING,
    "valueTime": _TEXT,
    "valueDateTime": _TEXT,
    "valuePeriod": _NOTHING,
    "valueAttachment": _NOTHING,
    "valueReference": _NOTHING,
}

NEEDS: dict[str, pa.StructType] = {
    "Patient": _struct(
        **_SHARED,
        active=pa.bool_(),
        link=pa.list_(_struct(type=_TEXT)),
        gender=_TEXT,
        birthDate=_TEXT,
        deceasedBoolean=pa.bool_(),
        **_date("deceasedDateTime"),
        address=pa.list_(_struct(use=_TEXT, postalCode=_TEXT)),
    ),
    "Encounter": _struct(
        **_SHARED,
        status=_TEXT,
        **{"class": _CODING, "class_list": _CONCEPTS},
        type=_CONCEPTS,
        period=_PERIOD,
        actualPeriod=_PERIOD,
    ),
    "Condition": _struct(
        **_SHARED,
        clinicalStatus=_CONCEPT,
        verificationStatus=_CONCEPT,
        code=_CONCEPT,
        **_start("onset"),
        **_date("abatementDateTime"),
        abatementPeriod=_PERIOD,
        abatementAge=_NOTHING,
        abatementRange=_NOTHING,
        abatementString=_TEXT,
        **_date("recordedDate"),
    ),
    "Observation": _struct(
        **_SHARED,
        status=_TEXT,
        category=_CONCEPTS,
        **_start("effective"),
        **_date("issued"),
        **_VALUE,
        component=pa.list_(_struct(**_VALUE)),
    ),
    "MedicationRequest": _struct(
        **_SHARED,
        status=_TEXT,
        intent=_TEXT,
        doNotPerform=pa.bool_(),
        medicationCodeableConcept=_CONCEPT,
        medicationReference=_REFERENCE,
        medication=_struct(concept=_CONCEPT, reference=_REFERENCE),
        **_date("authoredOn"),
    ),
    "Procedure": _struct(
        **_SHARED, status=_TEXT, code=_CONCEPT, **_start("performed"), **_start("occurrence")
    ),
    "DiagnosticReport": _struct(
        **_SHARED,
        status=_TEXT,
        category=_CONCEPTS,
        code=_CONCEPT,
        **_start("effective"),
        **_date("issued"),
        result=pa.list_(_REFERENCE),
    ),
}


def conform(array: pa.Array, needed: pa.DataType) -> pa.Array:
    """The elements of `needed` alone, null where the array does not have them.

    An element of another kind than is needed (a list in R5, a single one in R4) counts as missing.
    """
    if pa.types.is_struct(needed) and isinstance(array, pa.StructArray):
        children = []
        for field in needed:
            name = field.name.removesuffix(_LIST)
            position = array.type.get_field_index(name)
            found = array.field(position) if position >= 0 else None
            children.append(
                pa.nulls(len(array), field.type) if found is None else conform(found, field.type)
            )
        return pa.StructArray.from_arrays(
            children, fields=list(needed), mask=array.is_null() if array.null_count else None
        )
    if pa.types.is_list(needed) and isinstance(array, pa.ListArray):
        items = conform(array.flatten(), needed.value_type)
        lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
        return pa.ListArray.from_arrays(
            offsets, items, mask=array.is_null() if array.null_count else None
        ).cast(needed)
    if pa.types.is_nested(needed) or pa.types.is_nested(array.type):
        return pa.nulls(len(array), needed)
    return array.cast(needed)

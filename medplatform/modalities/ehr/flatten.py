"""From one resource to the rows of its table: pure functions of the resource and its `Scope`.

Names, addresses, contacts, narrative and other free text are never read.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from medplatform.modalities.ehr import value_sets
from medplatform.modalities.ehr.element import Element, Number
from medplatform.modalities.ehr.issue import refused
from medplatform.modalities.ehr.scope import Row, Scope
from medplatform.modalities.ehr.terminology import (
    DIAGNOSTIC_SERVICE,
    LOINC,
    OBSERVATION_CATEGORY,
    RXNORM,
    SNOMED,
    Concept,
    choose,
    read_coding,
    read_concept,
    read_unit,
)
from medplatform.privacy import generalise_birth_year, generalise_postal_code

_US = frozenset({"US", "USA", "UNITED STATES", "UNITED STATES OF AMERICA"})


def flatten_patient(patient: Element, scope: Scope) -> list[Row]:
    """Rows of `ehr_patient`."""
    deceased_at = scope.moment(patient, "deceasedDateTime")
    return [
        {
            **scope.version(patient),
            "sex": _bound(patient, "gender", value_sets.SEX),
            "birth_year": _birth_year(patient, scope),
            "is_deceased": deceased_at is not None or bool(patient.flag("deceasedBoolean")),
            "deceased_at": deceased_at,
            "zip3": _zip3(patient),
        }
    ]


def flatten_encounter(encounter: Element, scope: Scope) -> list[Row]:
    """Rows of `ehr_encounter`."""
    types = [read_concept(concept, SNOMED) for concept in encounter.children("type")]
    kind = choose(types, SNOMED)
    period = encounter.child("period")
    return [
        {
            **scope.row(encounter, "Encounter", "encounter_id"),
            "status": _bound(encounter, "status", value_sets.ENCOUNTER_STATUS),
            "class_code": read_coding(encounter.child("class")).code,
            "type_code": kind.code,
            "type_system": kind.system,
            "started_at": scope.moment(period, "start"),
            "ended_at": scope.moment(period, "end"),
        }
    ]


def flatten_condition(condition: Element, scope: Scope) -> list[Row]:
    """Rows of `ehr_condition`."""
    concept = read_concept(condition.child("code"), SNOMED)
    active = _bound_concept(condition, "clinicalStatus", value_sets.CLINICAL_STATUS)
    verified = _bound_concept(condition, "verificationStatus", value_sets.VERIFICATION_STATUS)
    return [
        {
            **scope.row(condition, "Condition", "condition_id"),
            "clinical_status": active,
            "verification_status": verified,
            **_named("condition", concept),
            "onset_at": _start(condition, "onset", scope),
            "abated_at": _start(condition, "abatement", scope),
            "recorded_at": scope.moment(condition, "recordedDate"),
        }
    ]


def flatten_observation(observation: Element, scope: Scope) -> list[Row]:
    """Rows of `ehr_observation`: its own value, if it has one or no components, and components."""
    shared = {
        **scope.row(observation, "Observation", "observation_id"),
        "status": _bound(observation, "status", value_sets.OBSERVATION_STATUS),
        "category_code": _category(observation, OBSERVATION_CATEGORY),
        "observed_at": _start(observation, "effective", scope),
        "issued_at": scope.moment(observation, "issued"),
    }
    components = observation.children("component")
    has_own_value = any(f"value{kind}" in observation.content for kind in value_sets.VALUE_TYPE)
    rows = []
    if has_own_value or not components:
        rows.append({**shared, "component_number": 0, **_observed(observation)})
    for number, component in enumerate(components, 1):
        rows.append({**shared, "component_number": number, **_observed(component)})
    return rows


def flatten_medication_request(request: Element, scope: Scope) -> list[Row]:
    """Rows of `ehr_medication_request`."""
    return [
        {
            **scope.row(request, "MedicationRequest", "medication_request_id"),
            "status": _bound(request, "status", value_sets.MEDICATION_STATUS),
            "intent": _bound(request, "intent", value_sets.MEDICATION_INTENT),
            "is_prohibition": bool(request.flag("doNotPerform")),
            **_named("medication", _medication(request)),
            "authored_at": scope.moment(request, "authoredOn"),
        }
    ]


def flatten_procedure(procedure: Element, scope: Scope) -> list[Row]:
    """Rows of `ehr_procedure`."""
    return [
        {
            **scope.row(procedure, "Procedure", "procedure_id"),
            "status": _bound(procedure, "status", value_sets.PROCEDURE_STATUS),
            **_named("procedure", read_concept(procedure.child("code"), SNOMED)),
            "performed_at": _start(procedure, "performed", scope),
            "ended_at": scope.moment(procedure.child("performedPeriod"), "end"),
        }
    ]


def flatten_diagnostic_report(report: Element, scope: Scope) -> list[Row]:
    """Rows of `ehr_diagnostic_report`."""
    return [
        {
            **scope.row(report, "DiagnosticReport", "diagnostic_report_id"),
            "status": _bound(report, "status", value_sets.REPORT_STATUS),
            "category_code": _category(report, DIAGNOSTIC_SERVICE),
            **_named("report", read_concept(report.child("code"), LOINC)),
            "effective_at": _start(report, "effective", scope),
            "issued_at": scope.moment(report, "issued"),
            "result_count": len(report.children("result")),
        }
    ]


FLATTEN: dict[str, Callable[[Element, Scope], list[Row]]] = {
    "Patient": flatten_patient,
    "Encounter": flatten_encounter,
    "Condition": flatten_condition,
    "Observation": flatten_observation,
    "MedicationRequest": flatten_medication_request,
    "Procedure": flatten_procedure,
    "DiagnosticReport": flatten_diagnostic_report,
}


def _bound(element: Element, name: str, values: tuple[str, ...]) -> str | None:
    """A code of a required value set."""
    code = element.text(name)
    if code is not None and code not in values:
        raise refused("value.not_in_value_set", element.of(name))
    return code


def _bound_concept(element: Element, name: str, values: tuple[str, ...]) -> str | None:
    code = read_concept(element.child(name)).code
    if code is not None and code not in values:
        raise refused("value.not_in_value_set", element.of(name))
    return code


def _named(name: str, concept: Concept) -> Row:
    return {
        f"{name}_code": concept.code,
        f"{name}_system": concept.system,
        f"{name}_display": concept.display,
    }


def _category(resource: Element, preferred: str) -> str | None:
    concepts = [read_concept(concept, preferred) for concept in resource.children("category")]
    return choose(concepts, preferred).code


def _start(resource: Element, name: str, scope: Scope) -> datetime | None:
    """When a choice element (dateTime, instant or Period) begins."""
    for kind in ("DateTime", "Instant"):
        moment = scope.moment(resource, name + kind)
        if moment is not None:
            return moment
    return scope.moment(resource.child(f"{name}Period"), "start")


def _birth_year(patient: Element, scope: Scope) -> int | None:
    born = scope.moment(patient, "birthDate")
    if born is None:
        return None
    now = datetime.now(UTC)
    if born > scope.subject.shift(now):
        raise refused("value.out_of_range", patient.of("birthDate"))
    return generalise_birth_year(born.year, now.year)


def _zip3(patient: Element) -> str | None:
    """Of the home address, else of the first that is in use, if it may be in the US."""
    addresses = [a for a in patient.children("address") if a.text("use") != "old"]
    addresses.sort(key=lambda address: address.text("use") != "home")
    for address in addresses:
        country = (address.text("country") or "US").strip().upper()
        code = generalise_postal_code(address.text("postalCode"))
        if code and country in _US:
            return code
    return None


def _medication(request: Element) -> Concept:
    """The code of the request, or of the Medication that it contains."""
    reference = request.child("medicationReference").text("reference") or ""
    if reference.startswith("#"):
        for contained in request.children("contained"):
            if contained.text("id") == reference[1:]:
                return read_concept(contained.child("code"), RXNORM)
    return read_concept(request.child("medicationCodeableConcept"), RXNORM)


def _observed(element: Element) -> Row:
    """Code and value of an observation or component (Observation.value[x])."""
    content = element.content
    kind = next((kind for kind in value_sets.VALUE_TYPE if f"value{kind}" in content), None)
    row: Row = {**_named("observation", read_concept(element.child("code"), LOINC))}
    if kind == "Quantity":
        quantity = element.child("valueQuantity")
        row |= _number(quantity, "value")
        row["value_comparator"] = _bound(quantity, "comparator", value_sets.COMPARATOR)
        row["value_unit"] = read_unit(quantity)
    elif kind == "Integer":
        row |= _number(element, "valueInteger")
    elif kind == "CodeableConcept":
        concept = read_concept(element.child("valueCodeableConcept"), SNOMED)
        row["value_code"], row["value_system"] = concept.code, concept.system
    elif kind == "Boolean":
        flag = element.flag("valueBoolean")
        row["value_code"] = None if flag is None else str(flag).lower()
    row["value_type"] = kind
    return row


def _number(element: Element, name: str) -> Row:
    text: Number | None = element.number(name)
    if text is None:
        return {}
    number = float(text)
    if not math.isfinite(number):
        raise refused("value.out_of_range", element.of(name))
    return {"value_number": number, "value_text": str(text)}

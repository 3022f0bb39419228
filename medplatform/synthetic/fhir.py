"""FHIR R4 resources of a patient, as dictionaries in the form of a bulk export."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from medplatform.synthetic import terminology as codes
from medplatform.synthetic.cohort import History
from medplatform.synthetic.people import Person
from medplatform.synthetic.terminology import Code, Element, coding, concept, status

_LABS = ("hba1c", "ldl", "creatinine")
_TAKEN_AFTER = timedelta(minutes=10)
_ADMITTED_AFTER = timedelta(minutes=90)


class Chart:
    """Writes the resources of one patient."""

    def __init__(self, person: Person, history: History, identifier_system: str) -> None:
        self.person = person
        self.history = history
        self.identifier_system = identifier_system
        self._numbers = 0

    def resources(self) -> Iterator[Element]:
        """All resources of the patient, oldest encounter first."""
        yield self._patient()
        for back in reversed(range(len(self.history.visits_at))):
            yield from self._visit(back)
        yield from self._index_encounter()
        yield from self._event()
        yield self._encounter(self.history.followup_at, "after", timedelta(minutes=20))

    def _patient(self) -> Element:
        person, history = self.person, self.history
        resource = _resource("Patient", person.fhir_id, history.followup_at) | {
            "identifier": [
                _identifier("MR", self.identifier_system, person.mrn),
                _identifier("SS", codes.US_SSN, person.ssn),
            ],
            "active": True,
            "name": [{"use": "official", "family": person.family, "given": [person.given]}],
            "telecom": [
                {"system": "phone", "value": person.phone, "use": "home"},
                {"system": "email", "value": person.email},
            ],
            "gender": "male" if history.is_male else "female",
            "birthDate": person.birth_date.isoformat(),
            "address": [
                {
                    "line": [person.address_line],
                    "city": person.city,
                    "state": person.state,
                    "postalCode": person.postal_code,
                    "country": "US",
                }
            ],
        }
        if history.death_at:
            resource["deceasedDateTime"] = _instant(history.death_at)
        return resource

    def _visit(self, back: int) -> Iterator[Element]:
        """Everything recorded at the visit that is `back` visits before the latest one."""
        history, at, name = self.history, self.history.visits_at[back], f"visit{back}"
        yield self._encounter(at, name, timedelta(minutes=30))
        values: dict[str, float] = {}
        for measure, visits in history.measured.items():
            value = visits[back] if back < len(visits) else None
            if value is not None:
                values[measure] = value
        observations = list(self._observations(at, name, values))
        yield from observations
        if back == 0:
            yield self._smoking_status(at, name)
            yield self._report(at, name, [o for o in observations if _is_lab(o)])
        if back == 1 and history.minor:
            yield self._condition(at, name, codes.MINOR[history.minor - 1], is_active=False)
            yield self._medication(at, name, codes.ACETAMINOPHEN)
            if history.minor == 1:
                yield self._immunization(at, name)
        if back == len(history.visits_at) - 1:
            yield from self._long_standing(at, name)

    def _long_standing(self, at: datetime, encounter: str) -> Iterator[Element]:
        if self.history.has_hypertension:
            yield self._condition(at, encounter, codes.HYPERTENSION, is_active=True)
            yield self._medication(at, encounter, codes.LISINOPRIL)
        if self.history.has_diabetes:
            yield self._condition(at, encounter, codes.DIABETES, is_active=True)
            yield self._medication(at, encounter, codes.METFORMIN)

    def _index_encounter(self) -> Iterator[Element]:
        # Taken after the encounter began: whoever uses these values looks into the future.
        yield self._encounter(self.history.index_at, "index", timedelta(minutes=30))
        yield from self._observations(self.history.index_at, "index", self.history.at_index)

    def _event(self) -> Iterator[Element]:
        history = self.history
        if history.event_at is None:
            return
        at = history.event_at + _ADMITTED_AFTER
        yield self._encounter(at, "event", timedelta(days=4), is_inpatient=True)
        event = codes.EVENTS[history.event_kind]
        yield self._condition(history.event_at, "event", event, is_active=True)
        yield self._medication(at, "event", codes.ASPIRIN)
        yield self._medication(at, "event", codes.ATORVASTATIN)
        if event in codes.EVENTS[:2]:
            yield self._procedure(at + timedelta(minutes=30), "event", codes.INTERVENTION)

    def _encounter(
        self, at: datetime, name: str, length: timedelta, *, is_inpatient: bool = False
    ) -> Element:
        kind = codes.ADMISSION if is_inpatient else codes.CHECK_UP
        return _resource("Encounter", self._id(name), at + length) | {
            "status": "finished",
            "class": coding(codes.HL7 + "v3-ActCode", "IMP" if is_inpatient else "AMB"),
            "type": [concept(codes.SNOMED, kind)],
            "subject": self._subject(),
            "period": {"start": _instant(at), "end": _instant(at + length)},
        }

    def _observations(
        self, at: datetime, encounter: str, values: dict[str, float]
    ) -> Iterator[Element]:
        if "systolic" in values:
            panel = concept(codes.LOINC, codes.BLOOD_PRESSURE)
            yield self._observation(at, encounter, panel, "vital-signs") | {
                "component": [
                    {
                        "code": codes.measure_concept(name),
                        "valueQuantity": codes.quantity(name, values[name]),
                    }
                    for name in ("systolic", "diastolic")
                ]
            }
        for name in ("body_mass_index", *_LABS):
            if name in values:
                category = "laboratory" if name in _LABS else "vital-signs"
                code = codes.measure_concept(name)
                yield self._observation(at, encounter, code, category) | {
                    "valueQuantity": codes.quantity(name, values[name])
                }

    def _smoking_status(self, at: datetime, encounter: str) -> Element:
        history = self.history
        answer = codes.FORMER_SMOKER if history.is_former_smoker else codes.NEVER_SMOKER
        answer = codes.CURRENT_SMOKER if history.is_smoker else answer
        question = concept(codes.LOINC, codes.SMOKING_STATUS)
        return self._observation(at, encounter, question, "social-history") | {
            "valueCodeableConcept": concept(codes.SNOMED, answer)
        }

    def _observation(self, at: datetime, encounter: str, code: Element, category: str) -> Element:
        taken_at = _instant(at + _TAKEN_AFTER)
        return _resource("Observation", self._next_id("o"), at + _TAKEN_AFTER) | {
            "status": "final",
            "category": [status("observation-category", category)],
            "code": code,
            **self._context(encounter),
            "effectiveDateTime": taken_at,
            "issued": taken_at,
        }

    def _condition(self, at: datetime, encounter: str, code: Code, *, is_active: bool) -> Element:
        ended = {} if is_active else {"abatementDateTime": _instant(at + timedelta(days=14))}
        return _resource("Condition", self._next_id("c"), at) | {
            "clinicalStatus": status("condition-clinical", "active" if is_active else "resolved"),
            "verificationStatus": status("condition-ver-status", "confirmed"),
            "code": concept(codes.SNOMED, code),
            **self._context(encounter),
            "onsetDateTime": _instant(at),
            **ended,
            "recordedDate": _instant(at),
        }

    def _medication(self, at: datetime, encounter: str, code: Code) -> Element:
        return _resource("MedicationRequest", self._next_id("m"), at) | {
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": concept(codes.RXNORM, code),
            **self._context(encounter),
            "authoredOn": _instant(at + timedelta(minutes=20)),
        }

    def _procedure(self, at: datetime, encounter: str, code: Code) -> Element:
        end = at + timedelta(minutes=50)
        return _resource("Procedure", self._next_id("p"), end) | {
            "status": "completed",
            "code": concept(codes.SNOMED, code),
            **self._context(encounter),
            "performedPeriod": {"start": _instant(at), "end": _instant(end)},
        }

    def _report(self, at: datetime, encounter: str, results: list[Element]) -> Element:
        issued_at = at + timedelta(minutes=25)
        links = [{"reference": f"Observation/{result['id']}"} for result in results]
        return _resource("DiagnosticReport", self._next_id("r"), issued_at) | {
            "status": "final",
            "category": [status("v2-0074", "LAB")],
            "code": concept(codes.LOINC, codes.LAB_REPORT),
            **self._context(encounter),
            "effectiveDateTime": _instant(at + _TAKEN_AFTER),
            "issued": _instant(issued_at),
            **({"result": links} if links else {}),
        }

    def _immunization(self, at: datetime, encounter: str) -> Element:
        context = self._context(encounter)
        return _resource("Immunization", self._next_id("i"), at) | {
            "status": "completed",
            "vaccineCode": concept(codes.CVX, codes.INFLUENZA_VACCINE),
            "patient": context["subject"],
            "encounter": context["encounter"],
            "occurrenceDateTime": _instant(at),
        }

    def _context(self, encounter: str) -> Element:
        return {
            "subject": self._subject(),
            "encounter": {"reference": f"Encounter/{self._id(encounter)}"},
        }

    def _subject(self) -> Element:
        return {"reference": f"Patient/{self.person.fhir_id}"}

    def _id(self, name: str) -> str:
        return f"{self.person.fhir_id}-{name}"

    def _next_id(self, letter: str) -> str:
        self._numbers += 1
        return self._id(f"{letter}{self._numbers}")


def _resource(kind: str, fhir_id: str, updated_at: datetime) -> Element:
    return {
        "resourceType": kind,
        "id": fhir_id,
        "meta": {"versionId": "1", "lastUpdated": _instant(updated_at)},
    }


def _identifier(kind: str, system: str, value: str) -> Element:
    return {"use": "usual", "type": status("v2-0203", kind), "system": system, "value": value}


def _is_lab(observation: Element) -> bool:
    return observation["category"][0]["coding"][0]["code"] == "laboratory"


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"

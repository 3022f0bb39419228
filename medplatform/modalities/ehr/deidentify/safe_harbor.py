"""The policy of the platform: Safe Harbor, but that dates are shifted rather than cut.

What identifies is dropped, and so is every text that may say anything; what is coded or measured is
kept. It is an allow-list: `PRIMITIVES` says which kinds of value are kept at all, `CODES` which
texts are, and the rest narrows that down for the identifiers of 45 CFR 164.514(b)(2)(i). Of an
observation's text `ANSWERS` leaves that there was one.
"""

from medplatform.modalities.ehr.deidentify.numbers import AGE_CODES, AGE_WORDS, ANNOTATED_CODES
from medplatform.modalities.ehr.deidentify.policy import (
    Action,
    Condition,
    Generalisation,
    Policy,
    Rule,
    Vocabulary,
)
from medplatform.modalities.ehr.deidentify.tokens import (
    DICOM_UID,
    IDENTIFIER,
    RESOURCE_ID,
    VERSION,
)
from medplatform.modalities.ehr.terminology import (
    CODE_SHAPES,
    PUBLIC_PREFIXES,
    PUBLIC_SYSTEMS,
)
from medplatform.modalities.ehr.units import UNIT_TEXTS

KEEP, DROP = Action.KEEP, Action.DROP

_HL7_SYSTEMS = ("http://terminology.hl7.org/", "http://hl7.org/fhir/")
_URL = r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~-]*)*"
_URN = r"urn:(?!oid:|uuid:)[a-z0-9][a-z0-9-]{1,31}(:[A-Za-z0-9._-]{1,64})+"
_OID = r"urn:oid:[0-2](\.\d{1,10}){1,20}"
# Names that spell out a longer number may hold somebody's record number.
_NO_LONG_NUMBER = r"(?!.*\d{5})"
_UNIT = r"[A-Za-z0-9%µμ°Ω/.,*^'\[\]{}()_-]"
_SHAPES = {
    name: vocabulary
    for systems, shape in CODE_SHAPES.items()
    for name, vocabulary in (
        (
            f"systems:{systems[0]}",
            Vocabulary(
                values=frozenset(systems) & PUBLIC_SYSTEMS,
                prefixes=tuple(system for system in systems if system in PUBLIC_PREFIXES),
            ),
        ),
        (f"codes:{systems[0]}", Vocabulary(pattern=shape)),
    )
}

VOCABULARIES = {
    **_SHAPES,
    "systems": Vocabulary(
        values=frozenset({"urn:ietf:bcp:47", "urn:ietf:bcp:13", "urn:dicom:uid"}),
        prefixes=(*_HL7_SYSTEMS, "urn:iso:std:iso:"),
        pattern=f"{_NO_LONG_NUMBER}({_URL}|{_URN})|{_OID}",
    ),
    "definitions": Vocabulary(pattern=f"{_NO_LONG_NUMBER}{_URL}(\\|[A-Za-z0-9.-]{{1,20}})?|{_OID}"),
    "extension_urls": Vocabulary(
        pattern=f"{_NO_LONG_NUMBER}{_URL}|{_OID}|[A-Za-z][A-Za-z0-9-]{{0,63}}"
    ),
    "short_codes": Vocabulary(pattern=r"[A-Za-z0-9][A-Za-z0-9._:/+^|-]{0,31}"),
    "versions": Vocabulary(pattern=r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}"),
    # Blanks only around slashes.
    "units": Vocabulary(
        values=UNIT_TEXTS,
        pattern=rf"(?!.*\d{{5}})(?=.{{1,24}}$){_UNIT}+(?: (?:(?=/)|(?<=/ )){_UNIT}+)*",
    ),
    "age_units": Vocabulary(values=AGE_CODES, pattern=f"(?i:{AGE_WORDS})|{ANNOTATED_CODES}"),
    # LOINC: age, estimated, reported, calculated, at an adverse event, at death, now or at death;
    # SNOMED CT: age, now, at onset.
    "ages": Vocabulary(
        values=frozenset(
            {
                *("30525-0", "21611-9", "21612-7", "29553-5", "30972-4", "39016-1", "63900-5"),
                *("397669002", "424144002", "445518008"),
            }
        )
    ),
    "birth_dates": Vocabulary(values=frozenset({"21112-8", "184099003"})),
    "type_names": Vocabulary(pattern=r"[A-Z][A-Za-z]{1,40}"),
    "numbers": Vocabulary(pattern=r"[0-9EULeul.+\s-]*"),
    "us": Vocabulary(pattern=r"(?i)\s*(us|usa|united states( of america)?)\s*"),
    "dicom": Vocabulary(values=frozenset({"urn:dicom:uid"})),
    "personal_numbers": Vocabulary(
        values=frozenset(
            {
                "http://hl7.org/fhir/sid/us-ssn",
                "http://hl7.org/fhir/sid/us-mbi",
                "http://hl7.org/fhir/sid/us-medicare",
                "http://hl7.org/fhir/sid/us-npi",
                "urn:oid:2.16.840.1.113883.4.1",
                "urn:oid:2.16.840.1.113883.4.6",
                "urn:oid:2.16.840.1.113883.4.572",
                "urn:oid:2.16.840.1.113883.4.927",
            }
        ),
        prefixes=(
            "http://hl7.org/fhir/sid/passport-",
            "urn:oid:2.16.840.1.113883.4.3.",
            "urn:oid:2.16.840.1.113883.4.814",
        ),
    ),
}


def _keep(select: str, *conditions: Condition) -> Rule:
    return Rule(select=select, action=KEEP, when=conditions)


def _drop(select: str, because: str | None = None) -> Rule:
    return Rule(select=select, action=DROP, because=because)


def _is(vocabulary: str, *, sibling: str | None = None, if_absent: bool = False) -> Condition:
    return Condition(sibling=sibling, is_in=vocabulary, if_absent=if_absent)


def _token(select: str, kind: str, *conditions: Condition) -> Rule:
    return Rule(select=select, action=Action.PSEUDONYMISE, kind=kind, when=conditions)


def _coarse(select: str, to: Generalisation, *conditions: Condition) -> Rule:
    return Rule(select=select, action=Action.GENERALISE, to=to, when=conditions)


def _of_public_terminologies(code: str | None) -> tuple[Condition, ...]:
    """That a code has the shape of those of its system: of each system, one condition."""
    return tuple(
        Condition(
            sibling="system",
            is_in=f"systems:{systems[0]}",
            also=_is(f"codes:{systems[0]}", sibling=code),
        )
        for systems in CODE_SHAPES
    )


PRIMITIVES = (
    *(_keep(kind) for kind in ("boolean", "code", "decimal", "integer", "integer64")),
    *(_keep(kind) for kind in ("positiveInt", "unsignedInt", "time")),
    *(
        Rule(select=kind, action=Action.SHIFT_DATE, because="dates")
        for kind in ("date", "dateTime", "instant")
    ),
    _keep("canonical", _is("definitions")),
)

CODES = (
    _keep("Coding.system", _is("systems")),
    _drop("Coding.system"),
    _keep("Coding.version", _is("versions")),
    _keep("Coding.code", _is("short_codes"), *_of_public_terminologies(None)),
    _drop("Coding.code", "a code of no terminology and many words may be any text"),
    # A text beside what is no code of its system may be any text.
    _keep("Coding.display", *_of_public_terminologies("code")),
    _keep("Quantity.unit", _is("units")),
    Rule(
        select="Quantity.unit",
        action=Action.REDACT,
        because="free text; a value with a unit is not one without",
    ),
    _keep("Quantity.code", _is("units"), _is("short_codes"), *_of_public_terminologies(None)),
    Rule(
        select="Quantity.code",
        action=Action.REDACT,
        because="no code; a value with a unit is not one without",
    ),
    _keep("Quantity.system", _is("systems")),
    *(
        rule
        for kind in ("Age", "Count", "Distance", "Duration")
        for rule in (
            _keep(f"{kind}.unit", _is("units")),
            _keep(f"{kind}.code", _is("units")),
            _drop(f"{kind}.code", "no code of a unit"),
            _keep(f"{kind}.system", _is("systems")),
        )
    ),
    # The codes that no value set can list.
    *(
        rule
        for select, vocabulary in (
            ("Resource.language", "codes:urn:ietf:bcp:47"),
            ("Attachment.language", "codes:urn:ietf:bcp:47"),
            ("Money.currency", "codes:urn:iso:std:iso:3166"),
        )
        for rule in (_keep(select, _is(vocabulary)), _drop(select, "no code of its list"))
    ),
    _keep("SampledData.data", _is("numbers")),
    _keep("Extension.url", _is("extension_urls")),
    _keep("Reference.type", _is("type_names")),
    *(
        _keep(f"{resource}..linkId", _is("short_codes"))
        for resource in ("Questionnaire", "QuestionnaireResponse")
    ),
)

IDENTIFIERS = (
    _token("Resource.id", RESOURCE_ID),
    _token("Meta.versionId", VERSION),
    _drop("Meta.source", "URLs"),
    _drop("Meta.tag"),
    Rule(select="Reference.reference", action=Action.REFERENCE),
    _keep("Identifier.system", _is("systems")),
    _token("Identifier.value", DICOM_UID, _is("dicom", sibling="system")),
    Rule(
        select="Identifier.value",
        action=DROP,
        when=(_is("personal_numbers", sibling="system"),),
        because="social security, health plan and licence numbers",
    ),
    _token("Identifier.value", IDENTIFIER),
    _drop("Identifier.assigner"),
    *(
        _drop(f"{person}//Identifier.value", "numbers of persons; a patient has patient_id")
        for person in ("Patient", "Person", "RelatedPerson", "Practitioner", "PractitionerRole")
    ),
    _drop("Account.identifier.value", "account numbers"),
    _drop("Coverage.identifier.value", "health plan beneficiary numbers"),
    _drop("Coverage.subscriberId", "health plan beneficiary numbers"),
    _drop("Device.identifier.value", "device identifiers"),
    _drop("Device.udiCarrier", "device identifiers"),
    _token("ImagingStudy.series.uid", DICOM_UID),
    _token("ImagingStudy.series.instance.uid", DICOM_UID),
)

PERSONS = (
    _drop("HumanName", "names"),
    _drop("ContactPoint", "telephone, fax, e-mail, URLs"),
    _drop("Address", "geographic subdivisions smaller than a state"),
    _keep("Address.use"),
    _keep("Address.type"),
    _keep("Address.state"),
    _keep("Address.country"),
    _coarse(
        "Address.postalCode",
        Generalisation.POSTAL_CODE,
        _is("us", sibling="country", if_absent=True),
    ),
    _drop("Location.position", "geographic subdivisions smaller than a state"),
    _drop("Narrative"),
    _drop("Attachment", "full-face photographs, URLs, documents"),
    *(
        _coarse(select, Generalisation.MEDIA_TYPE)
        for select in ("Attachment.contentType", "Binary.contentType")
    ),
    _keep("Attachment.size"),
    _drop("Signature"),
    *(
        _coarse(select, Generalisation.BIRTH_DATE)
        for select in (
            "Patient.birthDate",
            "Person.birthDate",
            "RelatedPerson.birthDate",
            "Practitioner.birthDate",
            "FamilyMemberHistory.bornDate",
            "FamilyMemberHistory.bornPeriod.start",
            "FamilyMemberHistory.bornPeriod.end",
        )
    ),
    _coarse("Age.value", Generalisation.AGE),
    _coarse(
        "Quantity.value",
        Generalisation.AGE,
        _is("age_units", sibling="code"),
        _is("age_units", sibling="unit"),
    ),
    *(
        _coarse(f"{observed}.{value}", Generalisation.AGE, _is("ages", sibling="code.coding.code"))
        for observed in ("Observation", "Observation.component")
        for value in ("valueQuantity", "valueRange", "valueInteger")
    ),
    *(
        _coarse(
            f"{observed}.{value}",
            Generalisation.BIRTH_DATE,
            _is("birth_dates", sibling="code.coding.code"),
        )
        for observed in ("Observation", "Observation.component")
        for value in ("valueDateTime", "valuePeriod")
    ),
)

EXTENSIONS = frozenset(
    {
        "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
        "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity",
        "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex",
        "http://hl7.org/fhir/us/core/StructureDefinition/us-core-sex",
        "http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity",
        "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "http://hl7.org/fhir/StructureDefinition/patient-genderIdentity",
        "http://hl7.org/fhir/StructureDefinition/condition-assertedDate",
        "http://hl7.org/fhir/StructureDefinition/observation-bodyPosition",
        "http://hl7.org/fhir/StructureDefinition/iso21090-nullFlavor",
    }
)
"""Extensions whose values are published: coded ones of published definitions."""

ANSWERS = tuple(
    Rule(
        select=select,
        action=Action.REDACT,
        because="free text; that there was an answer, or an end, is kept",
    )
    for select in (
        "Observation.valueString",
        "Observation.component.valueString",
        "Condition.abatementString",
    )
)

SHIFTED_SAFE_HARBOR = Policy(
    name="shifted-safe-harbor",
    description="The identifiers of 45 CFR 164.514(b)(2)(i) are dropped, generalised or replaced; "
    "dates are shifted per patient, which needs an expert determination for a release.",
    rules=(*PRIMITIVES, *CODES, *IDENTIFIERS, *PERSONS, *ANSWERS),
    vocabularies=VOCABULARIES,
    extensions=EXTENSIONS,
)

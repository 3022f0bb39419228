"""Which events a row of the lake's tables gives: one declaration per kind of event.

Expressions are SQL of DuckDB over a row of the kind's table (`row`). Beside its columns they may
use `vocabulary` (of the row's code), `value_vocabulary` (of an observation's coded value), each
with `name` and `omop`, and the macros of `MACROS`.
"""

from dataclasses import dataclass

from meds import birth_code, death_code

from medplatform.lake import Table
from medplatform.meds.vocabulary import UNKNOWN
from medplatform.modalities.ehr.tables import (
    CONDITION,
    DIAGNOSTIC_REPORT,
    ENCOUNTER,
    MEDICATION_REQUEST,
    OBSERVATION,
    PATIENT,
    PROCEDURE,
)

MACROS = f"""
create macro coded(name, code) as coalesce(name, '{UNKNOWN}') || '//' || code;
create macro parent(omop, code) as omop || '/' || code;
create macro instant(moment) as make_timestamp(epoch_us(moment));
create macro known_from(moment, precision) as case precision
    when 'year' then moment + interval '2 years'
    when 'month' then moment + interval '2 months'
    else moment
end;
"""
"""`known_from` as `dbt/macros/known_from.sql` has it, which says why."""

_NOT_IN_EFFECT = "('cancelled', 'planned', 'draft', 'not-done', 'preparation')"
_ERROR = "'entered-in-error'"
_BY_STATUS = f"""case
    when row.status = {_ERROR} then 'entered_in_error'
    when row.status in {_NOT_IN_EFFECT} then 'not_in_effect'
end"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table that events come from."""

    table: Table
    flaw: str = "null"
    """Why no event may be made of a row: `entered_in_error`, `not_in_effect` or null."""
    system: str = "null"
    """URI of the code system of its code."""
    value_system: str = "null"
    encounter: str = "row.encounter_id"
    joins: str = ""

    @property
    def id_column(self) -> str:
        """The column that names a record over its versions."""
        return self.table.key[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of event: of each row of its source there is one, or a reason why not."""

    name: str
    source: Source
    exists: str = "true"
    """Whether the record says anything of it; a patient who lives has no death."""
    code: str
    known_at: str | None = None
    """When it became known: `time` of the event. None for what holds always."""
    occurred_at: str = "null"
    """When it happened or held."""
    number: str = "null"
    text: str = "null"
    unit: str = "null"
    display: str = "null"
    parent: str = "null"
    """The concept in the terms of OMOP."""
    value_parent: str = "null"


_PATIENT = Source(table=PATIENT, encounter="null")
_ENCOUNTER = Source(table=ENCOUNTER, flaw=_BY_STATUS, system="row.type_system")
_CONDITION = Source(
    table=CONDITION,
    flaw=f"""case
        when row.verification_status = {_ERROR} then 'entered_in_error'
        when row.verification_status = 'refuted' then 'not_in_effect'
    end""",
    system="row.condition_system",
)
_MEDICATION = Source(
    table=MEDICATION_REQUEST,
    flaw=f"""case
        when row.status = {_ERROR} then 'entered_in_error'
        when row.status in {_NOT_IN_EFFECT} or row.is_prohibition
            or row.intent in ('proposal', 'plan', 'option') then 'not_in_effect'
    end""",
    # A request names its medication by a code, or refers to a Medication that has one.
    joins="left join product on row.medication_id = product.medication_id",
    system="""case
        when row.medication_code is null then product.system else row.medication_system
    end""",
)
_PROCEDURE = Source(table=PROCEDURE, flaw=_BY_STATUS, system="row.procedure_system")
_OBSERVATION = Source(
    table=OBSERVATION,
    flaw=_BY_STATUS,
    system="row.observation_system",
    value_system="row.value_system",
)
_REPORT = Source(table=DIAGNOSTIC_REPORT, flaw=_BY_STATUS, system="row.report_system")


def _concept(column: str, suffix: str = "") -> dict[str, str]:
    """Code, description and parent of a coded record."""
    return {
        "code": f"coded(vocabulary.name, row.{column}_code)"
        + (f" || '{suffix}'" if suffix else ""),
        "parent": f"parent(vocabulary.omop, row.{column}_code)",
        "display": f"row.{column}_display",
    }


def _end_known_at(start: str) -> str:
    """When an end became known: not before its start, which may be known more exactly."""
    return f"""instant(greatest(
            known_from(row.ended_at, row.ended_precision),
            known_from(row.{start}_at, row.{start}_precision)
        ))"""


KINDS: tuple[Kind, ...] = (
    Kind(
        name="sex",
        source=_PATIENT,
        exists="row.sex is not null",
        # The letters of HL7 table 0001.
        code="'GENDER//' || upper(left(row.sex, 1))",
        display="'Administrative gender: ' || row.sex",
        parent="parent('Gender', upper(left(row.sex, 1)))",
    ),
    Kind(
        name="birth",
        source=_PATIENT,
        exists="row.birth_year is not null",
        code=f"'{birth_code}'",
        known_at="make_timestamp(row.birth_year, 1, 1, 0, 0, 0)",
        occurred_at="make_timestamp(row.birth_year, 1, 1, 0, 0, 0)",
        display="'Birth, on the first day of its year'",
        parent="'SNOMED/3950001'",
    ),
    Kind(
        name="encounter_start",
        source=_ENCOUNTER,
        code=f"'ENCOUNTER//' || coalesce(row.class_code, '{UNKNOWN}') || '//START'",
        known_at="instant(known_from(row.started_at, row.started_precision))",
        occurred_at="instant(row.started_at)",
        display="'Start of an encounter of class ' || row.class_code",
    ),
    Kind(
        name="encounter_type",
        source=_ENCOUNTER,
        exists="row.type_code is not null",
        code="coded(vocabulary.name, row.type_code)",
        known_at="instant(known_from(row.started_at, row.started_precision))",
        occurred_at="instant(row.started_at)",
        parent="parent(vocabulary.omop, row.type_code)",
    ),
    Kind(
        name="condition",
        source=_CONDITION,
        **_concept("condition"),
        known_at="""instant(greatest(
            known_from(row.onset_at, row.onset_precision),
            known_from(row.recorded_at, row.recorded_precision)
        ))""",
        occurred_at="instant(row.onset_at)",
    ),
    Kind(
        name="procedure",
        source=_PROCEDURE,
        **_concept("procedure"),
        known_at="instant(known_from(row.performed_at, row.performed_precision))",
        occurred_at="instant(row.performed_at)",
    ),
    Kind(
        name="medication",
        source=_MEDICATION,
        code="coded(vocabulary.name, coalesce(row.medication_code, product.code))",
        parent="parent(vocabulary.omop, coalesce(row.medication_code, product.code))",
        display="""case
            when row.medication_code is null then product.display else row.medication_display
        end""",
        known_at="instant(known_from(row.authored_at, row.authored_precision))",
        occurred_at="instant(row.authored_at)",
    ),
    Kind(
        name="observation",
        source=_OBSERVATION,
        code=f"""coded(vocabulary.name, row.observation_code) || case
            when row.value_number is not null
                then '//' || coalesce(row.value_unit, '{UNKNOWN}')
            when row.value_type = 'Boolean' then '//' || row.value_code
            when row.value_code is not null
                then '//' || coded(value_vocabulary.name, row.value_code)
            else ''
        end""",
        known_at="""instant(greatest(
            known_from(row.observed_at, row.observed_precision), row.issued_at
        ))""",
        occurred_at="instant(row.observed_at)",
        # A bound ("< 5") is no value; neither is what 32 bits cannot hold.
        number="""case
            when row.value_comparator is null then try_cast(row.value_number as float)
        end""",
        text="coalesce(row.value_comparator, '') || row.value_text",
        unit="row.value_unit",
        display="row.observation_display",
        parent="parent(vocabulary.omop, row.observation_code)",
        value_parent="parent(value_vocabulary.omop, row.value_code)",
    ),
    Kind(
        name="diagnostic_report",
        source=_REPORT,
        # Apart from an observation of the same code, which a report often has for its heading.
        code="'REPORT//' || coded(vocabulary.name, row.report_code)",
        parent="parent(vocabulary.omop, row.report_code)",
        display="row.report_display",
        known_at="""instant(greatest(
            known_from(row.effective_at, row.effective_precision), row.issued_at
        ))""",
        occurred_at="instant(row.effective_at)",
    ),
    Kind(
        name="procedure_end",
        source=_PROCEDURE,
        exists="row.ended_at is not null",
        **_concept("procedure", "//END"),
        known_at=_end_known_at("performed"),
        occurred_at="instant(row.ended_at)",
    ),
    Kind(
        name="condition_end",
        source=_CONDITION,
        exists="row.abated_at is not null",
        **_concept("condition", "//END"),
        known_at="""instant(greatest(
            known_from(row.abated_at, row.abated_precision),
            known_from(row.onset_at, row.onset_precision),
            known_from(row.recorded_at, row.recorded_precision)
        ))""",
        occurred_at="instant(row.abated_at)",
    ),
    Kind(
        name="encounter_end",
        source=_ENCOUNTER,
        exists="row.ended_at is not null",
        code=f"'ENCOUNTER//' || coalesce(row.class_code, '{UNKNOWN}') || '//END'",
        known_at=_end_known_at("started"),
        occurred_at="instant(row.ended_at)",
        display="'End of an encounter of class ' || row.class_code",
    ),
    Kind(
        name="death",
        source=_PATIENT,
        exists="row.is_deceased",
        code=f"'{death_code}'",
        known_at="instant(known_from(row.deceased_at, row.deceased_precision))",
        occurred_at="instant(row.deceased_at)",
        display="'Death'",
        parent="'SNOMED/419620001'",
    ),
)
"""All kinds, in the order in which events of one instant stand: what opens comes first."""

SOURCES: tuple[Source, ...] = (
    _PATIENT,
    _ENCOUNTER,
    _CONDITION,
    _MEDICATION,
    _PROCEDURE,
    _OBSERVATION,
    _REPORT,
)

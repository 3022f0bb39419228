select
    resource_id as procedure_id,
    patient_id,
    target_id(r.encounter.reference, 'Encounter') as encounter_id,
    version_id,
    r.meta.lastUpdated__start as last_updated_at,
    r.status,
    coding.code as procedure_code,
    coding.system as procedure_system,
    display_of(coding) as procedure_display,
    coalesce(
        r.performedDateTime__start,
        r.performedPeriod.start__start,
        r.occurrenceDateTime__start,
        r.occurrencePeriod.start__start
    ) as performed_at,
    coalesce(
        r.performedDateTime__precision,
        r.performedPeriod.start__precision,
        r.occurrenceDateTime__precision,
        r.occurrencePeriod.start__precision
    ) as performed_precision,
    coalesce(r.performedPeriod.end__start, r.occurrencePeriod.end__start) as ended_at,
    coalesce(
        r.performedPeriod.end__precision, r.occurrencePeriod.end__precision
    ) as ended_precision,
    source_id,
    record_number,
    position
from (
    select
        *,
        choose(r.code.coding, 'http://snomed.info/sct') as coding
    from resource
)

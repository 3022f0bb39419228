select
    resource_id as encounter_id,
    patient_id,
    version_id,
    r.meta.lastUpdated__start as last_updated_at,
    r.status,
    coalesce(
        r.class.code,
        choose_of_all(r.class_list, 'http://terminology.hl7.org/CodeSystem/v3-ActCode').code
    ) as class_code,
    kind.code as type_code,
    kind.system as type_system,
    coalesce(r.period.start__start, r.actualPeriod.start__start) as started_at,
    coalesce(r.period.start__precision, r.actualPeriod.start__precision) as started_precision,
    coalesce(r.period.end__start, r.actualPeriod.end__start) as ended_at,
    coalesce(r.period.end__precision, r.actualPeriod.end__precision) as ended_precision,
    source_id,
    record_number,
    position
from (
    select
        *,
        choose_of_all(r.type, 'http://snomed.info/sct') as kind
    from resource
)

select
    resource_id as diagnostic_report_id,
    patient_id,
    target_id(r.encounter.reference, 'Encounter') as encounter_id,
    version_id,
    r.meta.lastUpdated__start as last_updated_at,
    r.status,
    choose_of_all(
        r.category, 'http://terminology.hl7.org/CodeSystem/v2-0074'
    ).code as category_code,
    coding.code as report_code,
    coding.system as report_system,
    display_of(coding) as report_display,
    coalesce(
        r.effectiveDateTime__start, r.effectiveInstant__start, r.effectivePeriod.start__start
    ) as effective_at,
    coalesce(
        r.effectiveDateTime__precision,
        r.effectiveInstant__precision,
        r.effectivePeriod.start__precision
    ) as effective_precision,
    r.issued__start as issued_at,
    coalesce(len(r.result), 0)::integer as result_count,
    source_id,
    record_number,
    position
from (
    select
        *,
        choose(r.code.coding, 'http://loinc.org') as coding
    from resource
)

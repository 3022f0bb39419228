select
    resource_id as condition_id,
    patient_id,
    target_id(r.encounter.reference, 'Encounter') as encounter_id,
    version_id,
    r.meta.lastUpdated__start as last_updated_at,
    choose(
        r.clinicalStatus.coding, 'http://terminology.hl7.org/CodeSystem/condition-clinical'
    ).code as clinical_status,
    choose(
        r.verificationStatus.coding, 'http://terminology.hl7.org/CodeSystem/condition-ver-status'
    ).code as verification_status,
    coding.code as condition_code,
    coding.system as condition_system,
    display_of(coding) as condition_display,
    codes_of(r.code.coding) as condition_codings,
    coalesce(
        r.onsetDateTime__start, r.onsetInstant__start, r.onsetPeriod.start__start
    ) as onset_at,
    coalesce(
        r.onsetDateTime__precision, r.onsetInstant__precision, r.onsetPeriod.start__precision
    ) as onset_precision,
    (
        r.abatementDateTime__start is not null
        or r.abatementPeriod is not null
        or r.abatementAge is not null
        or r.abatementRange is not null
        or r.abatementString is not null
    ) as is_abated,
    coalesce(r.abatementDateTime__start, r.abatementPeriod.end__start) as abated_at,
    coalesce(
        r.abatementDateTime__precision, r.abatementPeriod.end__precision
    ) as abated_precision,
    r.recordedDate__start as recorded_at,
    r.recordedDate__precision as recorded_precision,
    source_id,
    record_number,
    position
from (
    select
        *,
        choose(r.code.coding, 'http://snomed.info/sct') as coding
    from resource
)

-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    condition_id,
    patient_id,
    encounter_id,
    version_id,
    last_updated_at,
    clinical_status,
    verification_status,
    condition_code,
    condition_system,
    condition_display,
    condition_codings,
    onset_at,
    onset_precision,
    is_abated,
    abated_at,
    abated_precision,
    recorded_at,
    recorded_precision,
    delivery
from {{ source('lake', 'ehr_condition') }} as record
where
    not exists (
        select 1
        from {{ source('lake', 'ehr_deletion') }} as deletion
        where
            deletion.resource_type = 'Condition'
            and deletion.resource_id = record.condition_id
            and deletion.delivery >= record.delivery
    )
qualify
    rank() over (
        partition by condition_id
        order by
            case
                when
                    condition_id not in (
                        select said.condition_id
                        from {{ source('lake', 'ehr_condition') }} as said
                        group by said.condition_id
                        having
                            min(coalesce(said.patient_id, '')) <> max(coalesce(said.patient_id, ''))
                    )
                    then last_updated_at
            end desc nulls last,
            try_cast(version_id as bigint) desc nulls last,
            delivery desc,
            source_id asc,
            record_number asc
    ) = 1
    and not exists (
        select 1
        from {{ ref('stg_ehr_deleted_patient') }} as deleted_patient
        where deleted_patient.patient_id = record.patient_id
    )

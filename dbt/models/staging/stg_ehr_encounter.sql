-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    encounter_id,
    patient_id,
    version_id,
    last_updated_at,
    status,
    class_code,
    type_code,
    type_system,
    started_at,
    started_precision,
    ended_at,
    ended_precision,
    delivery
from {{ source('lake', 'ehr_encounter') }} as record
where
    not exists (
        select 1
        from {{ source('lake', 'ehr_deletion') }} as deletion
        where
            deletion.resource_type = 'Encounter'
            and deletion.resource_id = record.encounter_id
            and deletion.delivery >= record.delivery
    )
qualify
    rank() over (
        partition by encounter_id
        order by
            case
                when
                    encounter_id not in (
                        select said.encounter_id
                        from {{ source('lake', 'ehr_encounter') }} as said
                        group by said.encounter_id
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

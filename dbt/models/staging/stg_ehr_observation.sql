-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    observation_id,
    component_number,
    patient_id,
    encounter_id,
    version_id,
    last_updated_at,
    status,
    category_code,
    observation_code,
    observation_system,
    observation_display,
    observed_at,
    observed_precision,
    issued_at,
    value_type,
    value_number,
    value_text,
    value_comparator,
    value_unit,
    value_code,
    value_system,
    delivery
from {{ source('lake', 'ehr_observation') }} as record
where
    not exists (
        select 1
        from {{ source('lake', 'ehr_deletion') }} as deletion
        where
            deletion.resource_type = 'Observation'
            and deletion.resource_id = record.observation_id
            and deletion.delivery >= record.delivery
    )
qualify
    rank() over (
        partition by observation_id
        order by
            case
                when
                    observation_id not in (
                        select said.observation_id
                        from {{ source('lake', 'ehr_observation') }} as said
                        group by said.observation_id
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

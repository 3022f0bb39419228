-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    medication_request_id,
    patient_id,
    encounter_id,
    version_id,
    last_updated_at,
    status,
    intent,
    is_prohibition,
    medication_code,
    medication_system,
    medication_display,
    medication_id,
    authored_at,
    authored_precision,
    delivery
from {{ source('lake', 'ehr_medication_request') }} as record
where
    not exists (
        select 1
        from {{ source('lake', 'ehr_deletion') }} as deletion
        where
            deletion.resource_type = 'MedicationRequest'
            and deletion.resource_id = record.medication_request_id
            and deletion.delivery >= record.delivery
    )
qualify
    rank() over (
        partition by medication_request_id
        order by
            case
                when
                    medication_request_id not in (
                        select said.medication_request_id
                        from {{ source('lake', 'ehr_medication_request') }} as said
                        group by said.medication_request_id
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

-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    resource_type,
    resource_id,
    patient_id,
    number,
    path,
    target_type,
    target_id,
    is_resolved,
    source_id,
    record_number,
    delivery
from {{ source('lake', 'ehr_reference') }} as record
where
    not exists (
        select 1
        from {{ source('lake', 'ehr_deletion') }} as deletion
        where
            deletion.resource_type = record.resource_type
            and deletion.resource_id = record.resource_id
            and deletion.delivery >= record.delivery
    )
qualify
    rank() over (
        partition by source_id, record_number, number
        order by
            delivery desc,
            source_id asc,
            record_number asc
    ) = 1
    and not exists (
        select 1
        from {{ ref('stg_ehr_deleted_patient') }} as deleted_patient
        where deleted_patient.patient_id = record.patient_id
    )

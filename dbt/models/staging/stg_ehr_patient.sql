-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    patient_id,
    patient_resource_id,
    version_id,
    last_updated_at,
    is_retired,
    sex,
    birth_year,
    is_deceased,
    deceased_at,
    deceased_precision,
    zip3,
    delivery
from (
    select
        *,
        case
            when patient_resource_id is null
                then first_value(coalesce(is_retired, false)) over of_patient
            else first_value(coalesce(is_retired, false)) over of_resource
        end as is_out_of_use
    from {{ source('lake', 'ehr_patient') }}
    window
        of_patient as (
            partition by patient_id
            order by
                last_updated_at desc nulls last,
                try_cast(version_id as bigint) desc nulls last,
                delivery desc,
                source_id asc,
                record_number asc
        ),
        of_resource as (
            partition by patient_id, patient_resource_id
            order by
                last_updated_at desc nulls last,
                try_cast(version_id as bigint) desc nulls last,
                delivery desc,
                source_id asc,
                record_number asc
        )
) as record
where
    not exists (
        select 1
        from {{ source('lake', 'ehr_deletion') }} as deletion
        where
            deletion.resource_type = 'Patient'
            and deletion.resource_id = record.patient_id
            and deletion.delivery >= record.delivery
    )
qualify
    rank() over (
        partition by patient_id
        order by
            is_out_of_use asc,
            last_updated_at desc nulls last,
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

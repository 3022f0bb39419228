-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    procedure_id,
    patient_id,
    encounter_id,
    version_id,
    last_updated_at,
    status,
    procedure_code,
    procedure_system,
    procedure_display,
    performed_at,
    performed_precision,
    ended_at,
    ended_precision,
    delivery
from {{ source('lake', 'ehr_procedure') }} as record
where
    not exists (
        select 1
        from {{ source('lake', 'ehr_deletion') }} as deletion
        where
            deletion.resource_type = 'Procedure'
            and deletion.resource_id = record.procedure_id
            and deletion.delivery >= record.delivery
    )
qualify
    rank() over (
        partition by procedure_id
        order by
            case
                when
                    procedure_id not in (
                        select said.procedure_id
                        from {{ source('lake', 'ehr_procedure') }} as said
                        group by said.procedure_id
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

-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    diagnostic_report_id,
    patient_id,
    encounter_id,
    version_id,
    last_updated_at,
    status,
    category_code,
    report_code,
    report_system,
    report_display,
    effective_at,
    effective_precision,
    issued_at,
    result_count,
    delivery
from {{ source('lake', 'ehr_diagnostic_report') }} as record
where
    not exists (
        select 1
        from {{ source('lake', 'ehr_deletion') }} as deletion
        where
            deletion.resource_type = 'DiagnosticReport'
            and deletion.resource_id = record.diagnostic_report_id
            and deletion.delivery >= record.delivery
    )
qualify
    rank() over (
        partition by diagnostic_report_id
        order by
            case
                when
                    diagnostic_report_id not in (
                        select said.diagnostic_report_id
                        from {{ source('lake', 'ehr_diagnostic_report') }} as said
                        group by said.diagnostic_report_id
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

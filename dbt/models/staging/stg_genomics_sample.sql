-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    sample_id,
    patient_id,
    cohort_id,
    sample_index,
    genome_build,
    build_evidence,
    declared_build,
    declared_sex,
    call_rate,
    het_hom_ratio,
    delivery
from {{ source('lake', 'genomics_sample') }} as record
qualify
    rank() over (
        partition by sample_id, cohort_id
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

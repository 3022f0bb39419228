-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    cohort_id,
    sample_index,
    patient_id,
    sample_id,
    genome_build,
    chromosome,
    start_position,
    end_position,
    reference_allele,
    is_called,
    ploidy,
    depth,
    min_depth,
    genotype_quality,
    quality,
    filters,
    record_number,
    delivery
from {{ source('lake', 'genomics_block') }} as record
qualify
    rank() over (
        partition by cohort_id, record_number, sample_index
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

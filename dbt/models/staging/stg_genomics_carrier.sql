-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    variant_id,
    allele_number,
    cohort_id,
    sample_index,
    patient_id,
    sample_id,
    copies,
    alleles,
    is_phased,
    depth,
    genotype_quality,
    delivery
from {{ source('lake', 'genomics_carrier') }} as record
qualify
    rank() over (
        partition by variant_id, cohort_id, sample_index, allele_number
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

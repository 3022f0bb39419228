-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    variant_id,
    cohort_id,
    genotypes,
    sample_count,
    delivery
from {{ source('lake', 'genomics_genotype') }}
qualify
    rank() over (
        partition by variant_id, cohort_id
        order by
            delivery desc,
            source_id asc,
            record_number asc
    ) = 1

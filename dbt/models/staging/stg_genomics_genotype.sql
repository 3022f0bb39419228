-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    variant_id,
    cohort_id,
    genotypes,
    sample_count,
    delivery
from {{ source('lake', 'genomics_genotype') }}
qualify {{ is_latest_version('variant_id, cohort_id', is_versioned=false) }}

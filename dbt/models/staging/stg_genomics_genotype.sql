select
    variant_id,
    cohort_id,
    genotypes,
    sample_count,
    delivery
from {{ source('lake', 'genomics_genotype') }}
qualify {{ is_latest_version('variant_id, cohort_id', is_versioned=false) }}

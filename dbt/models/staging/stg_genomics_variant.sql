select
    variant_id,
    source_id,
    genome_build,
    chromosome,
    position,
    rs_id,
    reference_allele,
    alternate_alleles,
    quality,
    filters,
    called_count,
    alternate_counts,
    delivery
from {{ source('lake', 'genomics_variant') }}
qualify {{ is_latest_version('variant_id, source_id', is_versioned=false) }}

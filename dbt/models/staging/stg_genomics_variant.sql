-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    variant_id,
    genome_build,
    chromosome,
    position,
    end_position,
    rs_id,
    reference_allele,
    alternate_alleles,
    quality,
    filters,
    called_count,
    alternate_counts,
    source_id,
    delivery
from {{ source('lake', 'genomics_variant') }}
qualify
    rank() over (
        partition by variant_id, source_id
        order by
            delivery desc,
            source_id asc,
            record_number asc
    ) = 1

-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    allele_id,
    variant_id,
    allele_number,
    chromosome,
    position,
    reference_allele,
    alternate_allele,
    allele_type,
    is_left_aligned,
    allele_count,
    allele_frequency,
    sv_type,
    sv_subtype,
    sv_length,
    sv_end,
    position_interval,
    end_interval,
    copy_number,
    breakend_form,
    mate_chromosome,
    mate_position,
    inserted_bases,
    source_id,
    delivery
from {{ source('lake', 'genomics_allele') }}
qualify
    rank() over (
        partition by variant_id, allele_number, source_id
        order by
            delivery desc,
            source_id asc,
            record_number asc
    ) = 1

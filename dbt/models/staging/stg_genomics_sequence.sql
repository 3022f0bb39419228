-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    sequence_id,
    label,
    task,
    delivered_split,
    sequence,
    length,
    n_count,
    ambiguous_count,
    gap_count,
    gc_fraction,
    has_soft_mask,
    masked_count,
    content_id,
    source_id,
    record_number,
    delivery
from {{ source('lake', 'genomics_sequence') }}
qualify
    rank() over (
        partition by source_id, record_number
        order by
            delivery desc,
            source_id asc,
            record_number asc
    ) = 1

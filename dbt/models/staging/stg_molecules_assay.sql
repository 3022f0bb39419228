-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    molecule_id,
    assay_name,
    value_number,
    value_relation,
    value_unit,
    value_text,
    source_id,
    record_number,
    delivery
from {{ source('lake', 'molecules_assay') }}
qualify
    rank() over (
        partition by source_id, record_number, assay_name
        order by
            delivery desc,
            source_id asc,
            record_number asc
    ) = 1

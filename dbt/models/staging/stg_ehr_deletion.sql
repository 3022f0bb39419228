-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    resource_type,
    resource_id,
    source_id,
    record_number,
    delivery
from {{ source('lake', 'ehr_deletion') }}
qualify
    rank() over (
        partition by source_id, record_number
        order by
            delivery desc,
            source_id asc,
            record_number asc
    ) = 1

-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    resource_type,
    resource_id,
    source_id,
    record_number,
    delivery
from {{ source('lake', 'ehr_deletion') }}
qualify {{ is_latest_version('source_id, record_number', is_versioned=false) }}

-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    resource_type,
    resource_id,
    patient_id,
    contained_type,
    contained_id,
    content,
    source_id,
    record_number,
    delivery
from {{ source('lake', 'ehr_contained') }}
qualify {{ is_latest_version('source_id, record_number, contained_type, contained_id', is_versioned=false) }}

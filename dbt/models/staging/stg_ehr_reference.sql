-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    resource_type,
    resource_id,
    patient_id,
    number,
    path,
    target_type,
    target_id,
    is_resolved,
    source_id,
    record_number,
    delivery
from {{ source('lake', 'ehr_reference') }}
qualify {{ is_latest_version('source_id, record_number, number', is_versioned=false) }}

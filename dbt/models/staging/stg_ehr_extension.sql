-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    resource_type,
    resource_id,
    patient_id,
    number,
    path,
    url,
    value_type,
    value,
    is_modifier,
    source_id,
    record_number,
    delivery
from {{ source('lake', 'ehr_extension') }}
qualify {{ is_latest_version('source_id, record_number, number', is_versioned=false) }}

-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    observation_id,
    component_number,
    patient_id,
    encounter_id,
    version_id,
    last_updated_at,
    status,
    category_code,
    observation_code,
    observation_system,
    observation_display,
    observed_at,
    issued_at,
    value_type,
    value_number,
    value_text,
    value_comparator,
    value_unit,
    value_code,
    value_system,
    delivery
from {{ source('lake', 'ehr_observation') }}
qualify {{ is_latest_version('observation_id') }}

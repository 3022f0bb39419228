-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    condition_id,
    patient_id,
    encounter_id,
    version_id,
    last_updated_at,
    clinical_status,
    verification_status,
    condition_code,
    condition_system,
    condition_display,
    onset_at,
    abated_at,
    recorded_at,
    delivery
from {{ source('lake', 'ehr_condition') }}
qualify {{ is_latest_version('condition_id') }}

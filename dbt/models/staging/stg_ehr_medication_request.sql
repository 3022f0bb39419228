-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    medication_request_id,
    patient_id,
    encounter_id,
    version_id,
    last_updated_at,
    status,
    intent,
    is_prohibition,
    medication_code,
    medication_system,
    medication_display,
    medication_id,
    authored_at,
    delivery
from {{ source('lake', 'ehr_medication_request') }}
qualify {{ is_latest_version('medication_request_id') }}

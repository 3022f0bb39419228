-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    encounter_id,
    patient_id,
    version_id,
    last_updated_at,
    status,
    class_code,
    type_code,
    type_system,
    started_at,
    ended_at,
    delivery
from {{ source('lake', 'ehr_encounter') }}
qualify {{ is_latest_version('encounter_id') }}

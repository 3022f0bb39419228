-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    patient_id,
    version_id,
    last_updated_at,
    sex,
    birth_year,
    is_deceased,
    deceased_at,
    zip3,
    delivery
from {{ source('lake', 'ehr_patient') }}
qualify {{ is_latest_version('patient_id') }}

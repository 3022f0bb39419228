-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    procedure_id,
    patient_id,
    encounter_id,
    version_id,
    last_updated_at,
    status,
    procedure_code,
    procedure_system,
    procedure_display,
    performed_at,
    ended_at,
    delivery
from {{ source('lake', 'ehr_procedure') }}
qualify {{ is_latest_version('procedure_id') }}

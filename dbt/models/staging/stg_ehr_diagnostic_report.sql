-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    diagnostic_report_id,
    patient_id,
    encounter_id,
    version_id,
    last_updated_at,
    status,
    category_code,
    report_code,
    report_system,
    report_display,
    effective_at,
    issued_at,
    result_count,
    delivery
from {{ source('lake', 'ehr_diagnostic_report') }}
qualify {{ is_latest_version('diagnostic_report_id') }}

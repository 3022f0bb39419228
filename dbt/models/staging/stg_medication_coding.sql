-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    medication_id,
    coding_number,
    medication_code,
    medication_system,
    medication_display
from {{ source('nested', 'medication_coding') }}

-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    patient_id,
    score_name,
    score,
    matched_variants,
    listed_variants
from {{ source('marts_input', 'polygenic_score') }}

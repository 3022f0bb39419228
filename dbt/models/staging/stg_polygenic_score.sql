select
    patient_id,
    score_name,
    score,
    matched_variants,
    listed_variants
from {{ source('marts_input', 'polygenic_score') }}

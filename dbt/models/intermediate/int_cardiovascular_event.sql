select
    condition.condition_id,
    condition.patient_id,
    condition.condition_system,
    condition.condition_code,
    coalesce(condition.onset_at, condition.recorded_at) as occurred_at
from {{ ref('stg_ehr_condition') }} as condition
where
    coalesce(condition.verification_status, 'unknown') not in ('entered-in-error', 'refuted')
    and exists (
        select 1
        from {{ ref('outcome_codes') }} as code
        where {{ has_code('condition.condition', 'code') }}
    )

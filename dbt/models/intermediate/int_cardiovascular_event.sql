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
        from {{ ref('int_condition_coding') }} as coding
        inner join {{ ref('outcome_codes') }} as code
            on {{ has_code('coding.condition', 'code') }}
        where coding.condition_id = condition.condition_id
    )

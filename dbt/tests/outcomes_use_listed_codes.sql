-- A positive label must rest on a dated condition in the horizon whose code is in the seed.
select mart.patient_id
from {{ ref('patient_features') }} as mart
inner join {{ ref('int_outcome') }} as outcome
    on mart.patient_id = outcome.patient_id
where
    mart.outcome
    and not exists (
        select 1
        from {{ ref('stg_ehr_condition') }} as condition
        inner join {{ ref('int_condition_coding') }} as coding
            on condition.condition_id = coding.condition_id
        inner join {{ ref('outcome_codes') }} as code
            on {{ has_code('coding.condition', 'code') }}
        where
            condition.condition_id = outcome.condition_id
            and condition.patient_id = mart.patient_id
            and coalesce(condition.onset_at, condition.recorded_at) > mart.prediction_at
    )

with event_in_horizon as (
    select
        encounter.patient_id,
        arg_min(cardiac.condition_id, cardiac.occurred_at) as condition_id,
        min(cardiac.occurred_at) as occurred_at
    from {{ ref('int_index_encounter') }} as encounter
    inner join {{ ref('int_cardiovascular_event') }} as cardiac
        on encounter.patient_id = cardiac.patient_id
    where
        cardiac.occurred_at > encounter.prediction_at
        and cardiac.occurred_at
        <= encounter.prediction_at + interval '{{ var("horizon_days") }} days'
    group by encounter.patient_id
)

select
    encounter.patient_id,
    encounter.prediction_at,
    cardiac.condition_id,
    cardiac.occurred_at,
    cardiac.patient_id is not null as outcome
from {{ ref('int_index_encounter') }} as encounter
left join event_in_horizon as cardiac
    on encounter.patient_id = cardiac.patient_id

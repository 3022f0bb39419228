select
    observation.observation_id,
    observation.component_number,
    observation.patient_id,
    concept.concept as measurement,
    observation.observed_at,
    -- A result that comes back from the laboratory later is known later.
    greatest({{ known_from('observation.observed') }}, observation.issued_at) as known_at,
    accepted.unit,
    observation.value_number * accepted.factor + accepted.intercept as measured_value
from {{ ref('stg_ehr_observation') }} as observation
inner join {{ ref('concept_codes') }} as concept
    on {{ has_code('observation.observation', 'concept') }}
-- A unit that is not listed for the measurement is not guessed: its value is left out.
inner join {{ ref('unit_conversions') }} as accepted
    on
        concept.concept = accepted.measurement
        and observation.value_unit = accepted.delivered_unit
where
    {{ is_in_effect('observation.status') }}
    and observation.observed_at is not null
    and isfinite(observation.value_number * accepted.factor + accepted.intercept)
    -- "< 5" is a bound, not a value.
    and observation.value_comparator is null

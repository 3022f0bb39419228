select
    observation_id,
    component_number,
    patient_id,
    encounter_id,
    observation_code as vital_code,
    observation_system as vital_system,
    observation_display as vital_display,
    measurement,
    status,
    observed_at,
    observed_precision,
    value_comparator,
    value_number,
    unit,
    is_normalised,
    is_plausible,
    delivered_text,
    delivered_unit
from {{ ref('int_observation_value') }}
where
    mart = 'vital_sign'
    and value_number is not null

select
    observation_id,
    component_number,
    patient_id,
    encounter_id,
    observation_code as lab_code,
    observation_system as lab_system,
    observation_display as lab_display,
    measurement,
    status,
    observed_at,
    observed_precision,
    issued_at,
    value_comparator,
    value_number,
    unit,
    is_normalised,
    is_plausible,
    delivered_text,
    delivered_unit,
    value_code,
    value_system
from {{ ref('int_observation_value') }}
where mart = 'lab_result'

select
    encounter.patient_id,
    encounter.prediction_at,
    measurement.measurement,
    measurement.observation_id,
    measurement.observed_at,
    measurement.known_at,
    measurement.measured_value,
    measurement.unit
from {{ ref('int_index_encounter') }} as encounter
inner join {{ ref('int_measurement') }} as measurement
    on encounter.patient_id = measurement.patient_id
where
    measurement.known_at < encounter.prediction_at
    and measurement.observed_at
    >= encounter.prediction_at - interval '{{ var("lookback_days") }} days'
qualify row_number() over (
    partition by encounter.patient_id, measurement.measurement
    order by
        measurement.observed_at desc,
        measurement.observation_id asc,
        measurement.component_number asc
) = 1

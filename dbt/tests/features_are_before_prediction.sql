-- Looks the times up in staging again, so that it does not trust the filters of the models.
with record as (
    select
        'ehr_observation' as record_table,
        observation_id as record_id,
        greatest(observed_at, issued_at) as known_at
    from {{ ref('stg_ehr_observation') }}

    union all

    select
        'ehr_condition' as record_table,
        condition_id as record_id,
        greatest(onset_at, recorded_at) as known_at
    from {{ ref('stg_ehr_condition') }}

    union all

    select
        'ehr_medication_request' as record_table,
        medication_request_id as record_id,
        authored_at as known_at
    from {{ ref('stg_ehr_medication_request') }}

    union all

    select
        'ehr_encounter' as record_table,
        encounter_id as record_id,
        started_at as known_at
    from {{ ref('stg_ehr_encounter') }}
)

select
    mart.patient_id,
    feature.record_table,
    feature.record_id
from {{ ref('patient_features') }} as mart
inner join {{ ref('int_feature_record') }} as feature
    on mart.patient_id = feature.patient_id
left join record
    on
        feature.record_table = record.record_table
        and feature.record_id = record.record_id
where record.known_at is null or record.known_at >= mart.prediction_at

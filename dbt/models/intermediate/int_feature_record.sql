with measurement as (
    select
        patient_id,
        prediction_at,
        measurement as feature,
        'ehr_observation' as record_table,
        observation_id as record_id,
        known_at,
        measured_value as feature_value
    from {{ ref('int_latest_measurement') }}
),

smoking_status as (
    select
        encounter.patient_id,
        encounter.prediction_at,
        'is_smoker' as feature,
        'ehr_observation' as record_table,
        observation.observation_id as record_id,
        greatest({{ known_from('observation.observed') }}, observation.issued_at) as known_at,
        exists(
            select 1
            from {{ ref('concept_codes') }} as answer
            where
                answer.concept = 'current_smoker'
                and {{ has_code('observation.value', 'answer') }}
        )::integer::double as feature_value
    from {{ ref('int_index_encounter') }} as encounter
    inner join {{ ref('stg_ehr_observation') }} as observation
        on encounter.patient_id = observation.patient_id
    inner join {{ ref('concept_codes') }} as concept
        on
            concept.concept = 'smoking_status'
            and {{ has_code('observation.observation', 'concept') }}
    where
        {{ is_in_effect('observation.status') }}
        and observation.value_code is not null
        and not exists (
            select 1
            from {{ ref('concept_codes') }} as answer
            where
                answer.concept = 'smoking_unknown'
                and {{ has_code('observation.value', 'answer') }}
        )
        and greatest({{ known_from('observation.observed') }}, observation.issued_at)
        < encounter.prediction_at
        and observation.observed_at
        >= encounter.prediction_at - interval '{{ var("lookback_days") }} days'
    qualify row_number() over (
        partition by encounter.patient_id
        order by observation.observed_at desc, observation.observation_id asc
    ) = 1
),

condition_concept as (
    select distinct
        coding.condition_id,
        concept.concept
    from {{ ref('int_condition_coding') }} as coding
    inner join {{ ref('concept_codes') }} as concept
        on
            concept.concept in ('hypertension', 'diabetes')
            and {{ has_code('coding.condition', 'concept') }}
),

-- A diagnosis counts from the day it was written down: an onset may be entered years later.
diagnosis as (
    select
        encounter.patient_id,
        encounter.prediction_at,
        'has_' || concept.concept as feature,
        'ehr_condition' as record_table,
        condition.condition_id as record_id,
        greatest(
            {{ known_from('condition.onset') }}, {{ known_from('condition.recorded') }}
        ) as known_at,
        1.0::double as feature_value
    from {{ ref('int_index_encounter') }} as encounter
    inner join {{ ref('stg_ehr_condition') }} as condition
        on encounter.patient_id = condition.patient_id
    inner join condition_concept as concept
        on condition.condition_id = concept.condition_id
    where
        coalesce(condition.verification_status, 'unknown') not in ('entered-in-error', 'refuted')
        and greatest(
            {{ known_from('condition.onset') }}, {{ known_from('condition.recorded') }}
        ) < encounter.prediction_at
),

medication as (
    select
        encounter.patient_id,
        encounter.prediction_at,
        'medication_count' as feature,
        'ehr_medication_request' as record_table,
        request.medication_request_id as record_id,
        {{ known_from('request.authored') }} as known_at,
        1.0::double as feature_value
    from {{ ref('int_index_encounter') }} as encounter
    inner join {{ ref('int_medication_request') }} as request
        on encounter.patient_id = request.patient_id
    where
        {{ is_in_effect('request.status') }}
        and coalesce(request.intent, 'order') not in ('proposal', 'plan', 'option')
        and not request.is_prohibition
        and request.medication_code is not null
        and {{ known_from('request.authored') }} < encounter.prediction_at
        and request.authored_at
        >= encounter.prediction_at - interval '{{ var("lookback_days") }} days'
    -- The same medication prescribed again is one medication.
    qualify row_number() over (
        partition by encounter.patient_id, request.medication_system, request.medication_code
        order by request.authored_at desc, request.medication_request_id asc
    ) = 1
),

earlier_encounter as (
    select
        encounter.patient_id,
        encounter.prediction_at,
        'encounter_count' as feature,
        'ehr_encounter' as record_table,
        earlier.encounter_id as record_id,
        {{ known_from('earlier.started') }} as known_at,
        1.0::double as feature_value
    from {{ ref('int_index_encounter') }} as encounter
    inner join {{ ref('stg_ehr_encounter') }} as earlier
        on encounter.patient_id = earlier.patient_id
    where
        {{ is_in_effect('earlier.status') }}
        and {{ known_from('earlier.started') }} < encounter.prediction_at
        and earlier.started_at
        >= encounter.prediction_at - interval '{{ var("lookback_days") }} days'
)

select * from measurement
union all
select * from smoking_status
union all
select * from diagnosis
union all
select * from medication
union all
select * from earlier_encounter

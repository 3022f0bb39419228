with candidate as (
    select
        encounter.encounter_id,
        encounter.patient_id,
        encounter.started_at as prediction_at,
        year(encounter.started_at) - patient.birth_year as age_years,
        followup.last_recorded_at
    from {{ ref('stg_ehr_encounter') }} as encounter
    inner join {{ ref('stg_ehr_patient') }} as patient
        on encounter.patient_id = patient.patient_id
    inner join {{ ref('int_patient_followup') }} as followup
        on encounter.patient_id = followup.patient_id
    where
        {{ is_in_effect('encounter.status') }}
        -- Only the year of birth is known: who may still be a minor is left out.
        and year(encounter.started_at) - patient.birth_year > {{ var('adult_age_years') }}
        and followup.last_recorded_at
        >= encounter.started_at + interval '{{ var("horizon_days") }} days'
        -- An event without a date may have come first, so its patient is left out.
        and not exists (
            select 1
            from {{ ref('int_cardiovascular_event') }} as cardiac
            where
                cardiac.patient_id = encounter.patient_id
                and (
                    cardiac.occurred_at is null
                    or cardiac.occurred_at <= greatest(
                        {{ known_from('encounter.started') }}, {{ known_from('encounter.ended') }}
                    )
                )
        )
)

select
    patient_id,
    encounter_id,
    prediction_at,
    age_years,
    floor((epoch(last_recorded_at) - epoch(prediction_at)) / 86400)::integer as followup_days
from candidate
qualify row_number() over (
    partition by patient_id
    order by prediction_at desc, encounter_id asc
) = 1

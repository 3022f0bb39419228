with recorded as (
    select
        patient_id,
        started_at as recorded_at
    from {{ ref('stg_ehr_encounter') }}
    where {{ is_in_effect('status') }}

    union all

    select
        patient_id,
        ended_at as recorded_at
    from {{ ref('stg_ehr_encounter') }}
    where {{ is_in_effect('status') }}

    union all

    select
        patient_id,
        greatest(onset_at, recorded_at) as recorded_at
    from {{ ref('stg_ehr_condition') }}
    where coalesce(verification_status, 'unknown') not in ('entered-in-error', 'refuted')

    union all

    select
        patient_id,
        observed_at as recorded_at
    from {{ ref('stg_ehr_observation') }}
    where {{ is_in_effect('status') }}

    union all

    select
        patient_id,
        authored_at as recorded_at
    from {{ ref('stg_ehr_medication_request') }}
    where {{ is_in_effect('status') }}

    union all

    select
        patient_id,
        performed_at as recorded_at
    from {{ ref('stg_ehr_procedure') }}
    where {{ is_in_effect('status') }}

    union all

    select
        patient_id,
        effective_at as recorded_at
    from {{ ref('stg_ehr_diagnostic_report') }}
    where {{ is_in_effect('status') }}
)

select
    recorded.patient_id,
    min(recorded.recorded_at) as first_recorded_at,
    -- Letters and bills are dated after a death: nobody is followed up beyond it.
    least(
        max(recorded.recorded_at), any_value({{ known_from('patient.deceased') }})
    ) as last_recorded_at
from recorded
inner join {{ ref('stg_ehr_patient') }} as patient
    on recorded.patient_id = patient.patient_id
where recorded.recorded_at is not null
group by recorded.patient_id

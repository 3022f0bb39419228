with record as (
    select
        patient_id,
        'encounter' as kind
    from {{ ref('encounter') }}
    where is_in_effect

    union all

    select
        patient_id,
        'condition' as kind
    from {{ ref('condition') }}

    union all

    select
        patient_id,
        'medication' as kind
    from {{ ref('medication') }}
    where is_in_effect

    union all

    select
        patient_id,
        'lab_result' as kind
    from {{ ref('lab_result') }}

    union all

    select
        patient_id,
        'vital_sign' as kind
    from {{ ref('vital_sign') }}
),

amount as (
    select
        patient_id,
        count(*) filter (where kind = 'encounter') as encounter_count,
        count(*) filter (where kind = 'condition') as condition_count,
        count(*) filter (where kind = 'medication') as medication_count,
        count(*) filter (where kind = 'lab_result') as lab_result_count,
        count(*) filter (where kind = 'vital_sign') as vital_sign_count
    from record
    group by patient_id
)

select
    patient.patient_id,
    patient.sex,
    patient.birth_year,
    patient.is_deceased,
    patient.deceased_at,
    patient.deceased_precision,
    patient.zip3,
    followup.first_recorded_at,
    followup.last_recorded_at,
    coalesce(amount.encounter_count, 0) as encounter_count,
    coalesce(amount.condition_count, 0) as condition_count,
    coalesce(amount.medication_count, 0) as medication_count,
    coalesce(amount.lab_result_count, 0) as lab_result_count,
    coalesce(amount.vital_sign_count, 0) as vital_sign_count
from {{ ref('stg_ehr_patient') }} as patient
left join {{ ref('int_patient_followup') }} as followup
    on patient.patient_id = followup.patient_id
left join amount
    on patient.patient_id = amount.patient_id

with feature as (
    select
        patient_id,
        max(feature_value) filter (where feature = 'body_mass_index') as body_mass_index,
        max(feature_value) filter (where feature = 'systolic') as systolic_mmhg,
        max(feature_value) filter (where feature = 'diastolic') as diastolic_mmhg,
        max(feature_value) filter (where feature = 'hba1c') as hba1c_percent,
        max(feature_value) filter (where feature = 'ldl') as ldl_mg_dl,
        max(feature_value) filter (where feature = 'creatinine') as creatinine_mg_dl,
        max(feature_value) filter (where feature = 'is_smoker') = 1 as is_smoker,
        count(*) filter (where feature = 'has_hypertension') > 0 as has_hypertension,
        count(*) filter (where feature = 'has_diabetes') > 0 as has_diabetes,
        count(*) filter (where feature = 'medication_count') as medication_count,
        count(*) filter (where feature = 'encounter_count') as encounter_count,
        max(known_at) as feature_at
    from {{ ref('int_feature_record') }}
    group by patient_id
),

-- One score for all patients, so that the column means the same in every row: one that anyone has.
chosen_score as (
    select
        coalesce(
            min(score_name) filter (where score_name = '{{ var("polygenic_score_name") }}'),
            min(score_name)
        ) as score_name
    from {{ ref('stg_polygenic_score') }}
    where score is not null
),

polygenic_score as (
    select
        score.patient_id,
        score.score
    from {{ ref('stg_polygenic_score') }} as score
    inner join chosen_score
        on score.score_name = chosen_score.score_name
)

select
    encounter.patient_id,
    encounter.prediction_at,
    feature.feature_at,
    encounter.followup_days,
    encounter.age_years::integer as age_years,
    patient.sex,
    feature.body_mass_index,
    feature.systolic_mmhg,
    feature.diastolic_mmhg,
    feature.hba1c_percent,
    feature.ldl_mg_dl,
    feature.creatinine_mg_dl,
    feature.is_smoker,
    coalesce(feature.has_hypertension, false) as has_hypertension,
    coalesce(feature.has_diabetes, false) as has_diabetes,
    coalesce(feature.medication_count, 0)::integer as medication_count,
    coalesce(feature.encounter_count, 0)::integer as encounter_count,
    polygenic_score.score as polygenic_score,
    outcome.outcome,
    {{ var('horizon_days') }}::integer as horizon_days
from {{ ref('int_index_encounter') }} as encounter
inner join {{ ref('int_outcome') }} as outcome
    on encounter.patient_id = outcome.patient_id
inner join {{ ref('stg_ehr_patient') }} as patient
    on encounter.patient_id = patient.patient_id
left join feature
    on encounter.patient_id = feature.patient_id
left join polygenic_score
    on encounter.patient_id = polygenic_score.patient_id

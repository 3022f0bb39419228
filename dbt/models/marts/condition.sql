select
    condition_id,
    patient_id,
    encounter_id,
    condition_code,
    condition_system,
    condition_display,
    clinical_status,
    verification_status,
    onset_at,
    onset_precision,
    abated_at,
    abated_precision,
    recorded_at,
    recorded_precision,
    case
        -- Rows of earlier versions of the platform know an end by its date alone.
        when coalesce(clinical_status, 'unknown') = 'unknown'
            then not coalesce(is_abated, abated_at is not null)
        else clinical_status in ('active', 'recurrence', 'relapse')
    end as is_active
from {{ ref('stg_ehr_condition') }}
where coalesce(verification_status, 'unknown') not in ('entered-in-error', 'refuted')

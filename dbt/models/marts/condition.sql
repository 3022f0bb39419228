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
    abated_at,
    recorded_at,
    case
        when coalesce(clinical_status, 'unknown') = 'unknown' then abated_at is null
        else clinical_status in ('active', 'recurrence', 'relapse')
    end as is_active
from {{ ref('stg_ehr_condition') }}
where coalesce(verification_status, 'unknown') not in ('entered-in-error', 'refuted')

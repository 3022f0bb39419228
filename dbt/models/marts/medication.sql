select
    medication_request_id,
    patient_id,
    encounter_id,
    medication_code,
    medication_system,
    medication_display,
    medication_id,
    status,
    intent,
    is_prohibition,
    {{ is_in_effect('status') }}
    and coalesce(intent, 'order') not in ('proposal', 'plan', 'option')
    and not is_prohibition as is_in_effect,
    authored_at,
    authored_precision
from {{ ref('int_medication_request') }}
where coalesce(status, 'unknown') != 'entered-in-error'

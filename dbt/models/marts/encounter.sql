select
    encounter_id,
    patient_id,
    status,
    {{ is_in_effect('status') }} as is_in_effect,
    class_code,
    -- HL7 v3 ActCode, ActEncounterCode
    case
        when class_code in ('IMP', 'ACUTE', 'NONAC') then 'inpatient'
        when class_code in ('OBSENC', 'SS') then 'observation'
        when class_code = 'EMER' then 'emergency'
        when class_code in ('AMB', 'FLD') then 'ambulatory'
        when class_code = 'HH' then 'home'
        when class_code = 'VR' then 'virtual'
        else 'other'
    end as care_setting,
    type_code,
    type_system,
    started_at,
    started_precision,
    ended_at,
    ended_precision,
    -- The first moments of two days or months say nothing of the hours between.
    case
        when
            ended_at >= started_at
            and started_precision not in ('year', 'month', 'day')
            and ended_precision not in ('year', 'month', 'day')
            then (epoch(ended_at) - epoch(started_at)) / 3600
    end as length_of_stay_hours
from {{ ref('stg_ehr_encounter') }}
where coalesce(status, 'unknown') != 'entered-in-error'

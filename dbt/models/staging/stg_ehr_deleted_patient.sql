-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
with patient as (
    select
        patient_id,
        max(delivery) as delivery
    from {{ source('lake', 'ehr_patient') }}
    group by patient_id
)

select deletion.resource_id as patient_id
from {{ source('lake', 'ehr_deletion') }} as deletion
left join patient
    on deletion.resource_id = patient.patient_id
where deletion.resource_type = 'Patient'
group by deletion.resource_id
having max(deletion.delivery) >= coalesce(max(patient.delivery), '')

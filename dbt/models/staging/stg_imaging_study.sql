-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    study_id,
    patient_id,
    study_at,
    modalities,
    series,
    instances,
    images,
    frames,
    volumes,
    series_with_faults
from {{ source('marts_input', 'imaging_study') }}

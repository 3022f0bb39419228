-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    instance_id,
    frame_number,
    patient_id,
    height,
    width,
    channels,
    dtype,
    codec,
    pixel_sha256,
    delivery
from {{ source('lake', 'imaging_frame') }}
qualify
    rank() over (
        partition by instance_id, frame_number
        order by
            delivery desc,
            source_id desc,
            record_number desc
    ) = 1

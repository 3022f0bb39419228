-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    mask_id,
    instance_id,
    frame_number,
    patient_id,
    segment_number,
    segment_label,
    segment_code,
    height,
    width,
    codec,
    foreground_pixels,
    delivery
from {{ source('lake', 'imaging_mask') }}
qualify
    rank() over (
        partition by mask_id
        order by
            delivery desc,
            source_id desc,
            record_number desc
    ) = 1

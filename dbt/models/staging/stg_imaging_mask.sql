-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    mask_id,
    instance_id,
    frame_number,
    segmentation_id,
    segmentation_frame,
    series_id,
    frame_of_reference_id,
    patient_id,
    segment_number,
    segment_label,
    segment_code,
    height,
    width,
    codec,
    foreground_pixels,
    maximum_fraction,
    image_position_mm,
    image_orientation,
    pixel_spacing_row_mm,
    pixel_spacing_column_mm,
    matrix_column,
    matrix_row,
    delivery
from {{ source('lake', 'imaging_mask') }} as record
qualify
    rank() over (
        partition by mask_id
        order by
            delivery desc,
            source_id asc,
            record_number asc
    ) = 1
    and not exists (
        select 1
        from {{ ref('stg_ehr_deleted_patient') }} as deleted_patient
        where deleted_patient.patient_id = record.patient_id
    )

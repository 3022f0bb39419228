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
    photometric,
    rescale_slope,
    rescale_intercept,
    rescale_type,
    window_center,
    window_width,
    voi_lut_function,
    image_position_mm,
    image_orientation,
    pixel_spacing_row_mm,
    pixel_spacing_column_mm,
    slice_thickness_mm,
    spacing_between_slices_mm,
    matrix_row,
    matrix_column,
    image_type,
    dimension_index_values,
    stack_id,
    in_stack_position,
    temporal_position,
    acquired_at,
    delivery
from {{ source('lake', 'imaging_frame') }} as record
qualify
    rank() over (
        partition by instance_id, frame_number
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

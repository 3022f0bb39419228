-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    instance_id,
    series_id,
    study_id,
    patient_id,
    sop_class_uid,
    modality,
    instance_number,
    rows,
    columns,
    frames,
    samples_per_pixel,
    bits_allocated,
    bits_stored,
    is_signed,
    photometric,
    transfer_syntax_uid,
    pixel_spacing_row_mm,
    pixel_spacing_column_mm,
    slice_thickness_mm,
    image_position_mm,
    image_orientation,
    rescale_slope,
    rescale_intercept,
    window_center,
    window_width,
    study_at,
    acquired_at,
    patient_sex,
    patient_age_years,
    body_part,
    laterality,
    view_position,
    manufacturer,
    model_name,
    has_burned_in_annotation,
    pixel_sha256,
    label,
    delivery
from {{ source('lake', 'imaging_instance') }} as record
qualify
    rank() over (
        partition by instance_id
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

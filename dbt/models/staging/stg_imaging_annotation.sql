-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    annotation_id,
    object_id,
    patient_id,
    annotation_type,
    instance_id,
    frame_number,
    series_id,
    frame_of_reference_id,
    segmentation_id,
    segment_number,
    group_number,
    item_number,
    tracking_id,
    geometric_type,
    coordinate_system,
    point_count,
    points,
    code,
    meaning,
    category_code,
    category_meaning,
    value_code,
    value_meaning,
    value_number,
    value_text,
    unit,
    finding_code,
    finding_meaning,
    site_code,
    site_meaning,
    site_modifier_code,
    site_modifier_meaning,
    method_code,
    method_meaning,
    derivation_code,
    derivation_meaning,
    roi_type,
    roi_name,
    label,
    source,
    annotated_at,
    delivery
from {{ source('lake', 'imaging_annotation') }} as record
qualify
    rank() over (
        partition by annotation_id
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

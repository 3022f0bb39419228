with mask as (
    select
        instance_id,
        count(*) as mask_count,
        sum(foreground_pixels) as foreground_pixels
    from {{ ref('stg_imaging_mask') }}
    group by instance_id
)

select
    image.instance_id,
    image.patient_id,
    image.modality,
    image.rows as image_rows,
    image.columns as image_columns,
    image.frames as frame_count,
    coalesce(mask.mask_count, 0)::integer as mask_count,
    mask.foreground_pixels / nullif(image.rows::double * image.columns * image.frames, 0)
        as mask_area_fraction,
    image.patient_sex,
    image.patient_age_years,
    image.manufacturer,
    image.study_at,
    image.label
from {{ ref('stg_imaging_instance') }} as image
left join mask
    on image.instance_id = mask.instance_id

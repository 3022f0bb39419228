select
    patient_id,
    local_id as patient_resource_id,
    version_id,
    r.meta.lastUpdated__start as last_updated_at,
    not coalesce(r.active, true)
        or coalesce(list_has_any(list_transform(r.link, lambda l: l.type), ['replaced-by']), false) as is_retired,
    r.gender as sex,
    try_cast(left(r.birthDate, 4) as integer) as birth_year,
    r.deceasedDateTime__start is not null or coalesce(r.deceasedBoolean, false) as is_deceased,
    r.deceasedDateTime__start as deceased_at,
    r.deceasedDateTime__precision as deceased_precision,
    list_filter(
        list_sort(
            list_transform(
                list_filter(r.address, lambda a: coalesce(a.use, '') <> 'old'),
                lambda a, i: {'rank': (case when a.use = 'home' then 0 else 1 end) * 10000 + i, 'code': a.postalCode}
            )
        ),
        lambda a: a.code is not null
    )[1].code as zip3,
    source_id,
    record_number,
    position
from resource

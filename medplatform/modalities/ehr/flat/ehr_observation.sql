-- Its own value, if it has one or no components, is number 0; the components follow from 1.
with observed as (
    select
        *,
        0 as component_number,
        {
            'code': r.code,
            'valueQuantity': r.valueQuantity,
            'valueCodeableConcept': r.valueCodeableConcept,
            'valueBoolean': r.valueBoolean,
            'valueInteger': r.valueInteger
        } as o,
        value_type_of(r) as value_type
    from resource
    where value_type_of(r) is not null or coalesce(len(r.component), 0) = 0

    union all by name

    select
        * exclude (component),
        {
            'code': component.code,
            'valueQuantity': component.valueQuantity,
            'valueCodeableConcept': component.valueCodeableConcept,
            'valueBoolean': component.valueBoolean,
            'valueInteger': component.valueInteger
        } as o,
        value_type_of(component) as value_type
    from (
        select
            *,
            unnest(range(1, len(r.component) + 1))::integer as component_number,
            unnest(r.component) as component
        from resource
    )
)

select
    resource_id as observation_id,
    component_number::integer as component_number,
    patient_id,
    target_id(r.encounter.reference, 'Encounter') as encounter_id,
    version_id,
    r.meta.lastUpdated__start as last_updated_at,
    r.status,
    choose_of_all(
        r.category, 'http://terminology.hl7.org/CodeSystem/observation-category'
    ).code as category_code,
    coding.code as observation_code,
    coding.system as observation_system,
    display_of(coding) as observation_display,
    coalesce(
        r.effectiveDateTime__start, r.effectiveInstant__start, r.effectivePeriod.start__start
    ) as observed_at,
    coalesce(
        r.effectiveDateTime__precision,
        r.effectiveInstant__precision,
        r.effectivePeriod.start__precision
    ) as observed_precision,
    r.issued__start as issued_at,
    value_type,
    coalesce(o.valueQuantity.value, o.valueInteger) as value_number,
    coalesce(o.valueQuantity.value__text, o.valueInteger::varchar) as value_text,
    o.valueQuantity.comparator as value_comparator,
    unit_of(o.valueQuantity) as value_unit,
    coalesce(concept.code, o.valueBoolean::varchar) as value_code,
    concept.system as value_system,
    source_id,
    record_number,
    position
from (
    select
        *,
        choose(o.code.coding, 'http://loinc.org') as coding,
        choose(o.valueCodeableConcept.coding, 'http://snomed.info/sct') as concept
    from observed
)

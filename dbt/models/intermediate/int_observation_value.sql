with measured as (
    select
        observation.observation_id,
        observation.component_number,
        observation.patient_id,
        observation.encounter_id,
        -- A listed code decides; the category is that of a whole panel, or missing.
        coalesce(
            code.mart,
            case observation.category_code
                when 'laboratory' then 'lab_result'
                when 'vital-signs' then 'vital_sign'
            end
        ) as mart,
        code.measurement,
        observation.observation_code,
        observation.observation_system,
        observation.observation_display,
        observation.status,
        observation.observed_at,
        observation.observed_precision,
        observation.issued_at,
        observation.value_type,
        observation.value_number as delivered_value,
        observation.value_text as delivered_text,
        observation.value_unit as delivered_unit,
        observation.value_comparator,
        observation.value_code,
        observation.value_system,
        ucum.ucum_unit,
        ucum.unit as wanted_unit,
        ucum.factor,
        ucum.intercept,
        code.plausible_low,
        code.plausible_high
    from {{ ref('stg_ehr_observation') }} as observation
    left join {{ ref('measurement_codes') }} as code
        on
            observation.observation_system = code.code_system
            and observation.observation_code = code.code
    left join {{ ref('stg_ucum_conversion') }} as ucum
        on
            observation.observation_system is not distinct from ucum.observation_system
            and observation.observation_code is not distinct from ucum.observation_code
            and observation.value_unit is not distinct from ucum.delivered_unit
    where
        {{ is_in_effect('observation.status') }}
        and observation.value_type is not null
),

converted as (
    select
        *,
        case
            when delivered_value is not null
                then coalesce(isfinite(converted_value), false)
        end as is_normalised,
        case when isfinite(converted_value) then converted_value else delivered_value end
            as value_number
    from (
        select
            *,
            -- Infinite where the product is more than a double holds.
            delivered_value * factor + intercept as converted_value
        from measured
        where mart is not null
    ) as computed
)

select
    observation_id,
    component_number,
    patient_id,
    encounter_id,
    mart,
    measurement,
    observation_code,
    observation_system,
    observation_display,
    status,
    observed_at,
    observed_precision,
    issued_at,
    value_type,
    value_comparator,
    value_number,
    case
        when is_normalised then wanted_unit
        else coalesce(ucum_unit, delivered_unit)
    end as unit,
    is_normalised,
    case
        when is_normalised then value_number between plausible_low and plausible_high
    end as is_plausible,
    delivered_value,
    delivered_text,
    delivered_unit,
    value_code,
    value_system
from converted

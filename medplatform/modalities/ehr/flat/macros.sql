-- What the SQL of all typed tables shares. `public_systems` and `public_prefixes` are the
-- terminologies whose display texts name nobody.

create macro is_public(system) as
    list_contains(getvariable('public_systems'), system)
    or list_has_any(
        list_transform(getvariable('public_prefixes'), lambda p: starts_with(system, p)), [true]
    );

-- The one coding that a table keeps: of the preferred system, else of a public one, else the first.
create macro choose(codings, preferred) as
    coalesce(
        list_filter(codings, lambda c: c.code is not null and c.system = preferred)[1],
        list_filter(codings, lambda c: c.code is not null and coalesce(is_public(c.system), false))[1],
        list_filter(codings, lambda c: c.code is not null)[1]
    );

create macro choose_of_all(concepts, preferred) as
    choose(list_transform(concepts, lambda k: choose(k.coding, preferred)), preferred);

-- All codes with their systems, for who looks for one that a table does not keep.
create macro codes_of(codings) as
    list_transform(
        list_filter(codings, lambda c: c.code is not null),
        lambda c: {'system': c.system, 'code': c.code}
    );

create macro display_of(coding) as case when is_public(coding.system) then coding.display end;

create macro target_id(reference, resource_type) as
    case
        when starts_with(reference, resource_type || '/')
            then substr(reference, length(resource_type) + 2)
    end;

-- Whether a unit is a short token, but for blanks around slashes, or a known text.
create macro is_unit(unit) as
    list_contains(getvariable('unit_texts'), unit)
    or regexp_full_match(
        regexp_replace(unit, ' ?/ ?', '/', 'g'), '[A-Za-z0-9%µμ°Ω/.,*^''\[\]{}()_-]{1,24}'
    );

-- The UCUM code of a Quantity, else its unit where that can be shown. A unit that cannot be is not
-- the same as none: it has a stand-in.
create macro unit_of(quantity) as
    case
        when
            quantity.code is not null
            and (quantity.code <> getvariable('unread_unit') or quantity.unit is null)
            and (
                list_contains(getvariable('ucum_systems'), quantity.system)
                or (
                    quantity.system is null
                    and list_contains(getvariable('ucum_codes'), quantity.code)
                )
            )
            then quantity.code
        when is_unit(quantity.unit) then quantity.unit
        when quantity.unit is null and quantity.system is null and is_unit(quantity.code)
            then quantity.code
        when quantity.unit is not null or quantity.code is not null
            then getvariable('unread_unit')
    end;

-- The type of value[x].
create macro value_type_of(o) as
    case
        when o.valueQuantity is not null then 'Quantity'
        when o.valueCodeableConcept is not null then 'CodeableConcept'
        when o.valueString is not null then 'String'
        when o.valueBoolean is not null then 'Boolean'
        when o.valueInteger is not null then 'Integer'
        when o.valueRange is not null then 'Range'
        when o.valueRatio is not null then 'Ratio'
        when o.valueSampledData is not null then 'SampledData'
        when o.valueTime is not null then 'Time'
        when o.valueDateTime is not null then 'DateTime'
        when o.valuePeriod is not null then 'Period'
        when o.valueAttachment is not null then 'Attachment'
        when o.valueReference is not null then 'Reference'
    end;

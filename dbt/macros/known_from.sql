{#-
    From when on a record could be known that is dated like this: a date that is known to the year
    or month counts from its end, so that it never tells of what came after.
-#}
{% macro known_from(name) -%}
    case {{ name }}_precision
        when 'year' then {{ name }}_at + interval '1 year'
        when 'month' then {{ name }}_at + interval '1 month'
        else {{ name }}_at
    end
{%- endmacro %}

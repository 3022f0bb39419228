{#-
    From when on a record could be known that is dated like this, so that it never tells of what came
    after. Of a date that is known to the year or month the first day was moved by the patient's
    shift, so its last day may lie in the year or month after the published one, and it counts from
    the end of that: "2020" moved by -20 days is published as 2019 and ends on 2020-12-11.
-#}
{% macro known_from(name) -%}
    case {{ name }}_precision
        when 'year' then {{ name }}_at + interval '2 years'
        when 'month' then {{ name }}_at + interval '2 months'
        else {{ name }}_at
    end
{%- endmacro %}

{#- False for records that were made in error, called off, or not carried out (yet). -#}
{% macro is_in_effect(status) -%}
    coalesce({{ status }}, 'unknown') not in (
        'entered-in-error', 'cancelled', 'planned', 'draft', 'not-done', 'preparation'
    )
{%- endmacro %}

{#-
    False for records that were made in error, called off, or not carried out (yet). All other
    words of R4 and R5 are in effect: finished and completed, stopped and ended, discontinued.
-#}
{% macro is_in_effect(status) -%}
    coalesce({{ status }}, 'unknown') not in (
        'entered-in-error', 'cancelled', 'planned', 'draft', 'not-done', 'preparation'
    )
{%- endmacro %}

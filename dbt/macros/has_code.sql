{#-
    True where a record's code is one of a seed: the same code, or one of its family (I21 -> I21.4).
    `coding` is the common beginning of the columns, such as `condition.condition` for
    `condition.condition_system` and `condition.condition_code`.
-#}
{% macro has_code(coding, seed) -%}
    (
        {{ coding }}_system = {{ seed }}.code_system
        and (
            {{ coding }}_code = {{ seed }}.code
            or ({{ seed }}.is_family and starts_with({{ coding }}_code, {{ seed }}.code))
        )
    )
{%- endmacro %}

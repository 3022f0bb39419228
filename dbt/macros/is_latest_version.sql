{#-
    True for the rows of the newest version of a record: for use in `qualify`.

    A record that yields several rows (an observation with components) keeps all rows of its newest
    version and none of an older one. Where the records say nothing about versions, the delivery
    with the greatest name wins.
-#}
{% macro is_latest_version(id, is_versioned=true) -%}
    rank() over (
        partition by {{ id }}
        order by
            {% if is_versioned %}
                last_updated_at desc nulls last,
                try_cast(version_id as bigint) desc nulls last,
            {% endif %}
            delivery desc,
            source_id desc,
            record_number desc
    ) = 1
{%- endmacro %}

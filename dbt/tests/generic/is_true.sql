{% test is_true(model, column_name) %}

select {{ column_name }}
from {{ model }}
where not {{ column_name }}

{% endtest %}

-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    observation_system,
    observation_code,
    delivered_unit,
    ucum_unit,
    unit,
    factor,
    intercept,
    problem,
    value_count
from {{ source('marts_input', 'ucum_conversion') }}

-- The kept code too: rows of earlier versions of the platform have no list of codings.
select
    condition_id,
    condition_system,
    condition_code
from {{ ref('stg_ehr_condition') }}
where condition_code is not null

union

select
    condition_id,
    coding.system as condition_system,
    coding.code as condition_code
from (
    select
        condition_id,
        unnest(condition_codings) as coding
    from {{ ref('stg_ehr_condition') }}
)

-- A request names its medication by a code, or refers to a Medication that has one.
with product as (
    select
        medication_id,
        medication_code,
        medication_system,
        medication_display
    from {{ ref('stg_medication_coding') }}
    where medication_code is not null
    qualify row_number() over (
        partition by medication_id
        order by
            coalesce(medication_system, '') = 'http://www.nlm.nih.gov/research/umls/rxnorm' desc,
            coding_number asc
    ) = 1
)

select
    request.medication_request_id,
    request.patient_id,
    request.encounter_id,
    request.medication_id,
    request.status,
    request.intent,
    request.is_prohibition,
    request.authored_at,
    request.authored_precision,
    coalesce(request.medication_code, product.medication_code) as medication_code,
    case
        when request.medication_code is null then product.medication_system
        else request.medication_system
    end as medication_system,
    case
        when request.medication_code is null then product.medication_display
        else request.medication_display
    end as medication_display
from {{ ref('stg_ehr_medication_request') }} as request
left join product on request.medication_id = product.medication_id

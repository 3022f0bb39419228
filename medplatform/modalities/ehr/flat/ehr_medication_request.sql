select
    resource_id as medication_request_id,
    patient_id,
    target_id(r.encounter.reference, 'Encounter') as encounter_id,
    version_id,
    r.meta.lastUpdated__start as last_updated_at,
    r.status,
    r.intent,
    coalesce(r.doNotPerform, false) as is_prohibition,
    coding.code as medication_code,
    coding.system as medication_system,
    display_of(coding) as medication_display,
    target_id(reference, 'Medication') as medication_id,
    r.authoredOn__start as authored_at,
    r.authoredOn__precision as authored_precision,
    source_id,
    record_number,
    position
from (
    select
        resource.*,
        coalesce(
            r.medicationReference.reference, r.medication.reference.reference
        ) as reference,
        choose(
            coalesce(
                r.medicationCodeableConcept.coding, r.medication.concept.coding, contained.coding
            ),
            'http://www.nlm.nih.gov/research/umls/rxnorm'
        ) as coding
    from resource
    left join contained
        on resource.position = contained.position
        and '#' || contained.contained_id
        = coalesce(r.medicationReference.reference, r.medication.reference.reference)
)

"""Which of the delivered records count, as SQL: one rule for dbt, for views and for exports.

1. A deletion holds for all that its own delivery and those before it say of the record: files of a
   delivery have no order, and a Bundle of FHIR history begins with the newest entry. So what its
   source brings back counts when a later delivery has it.
2. Of the versions that are left, the newest counts: the one that was changed last, of equal ones
   and of those of several patients the one with the greatest number, then that of the last
   delivery. Of records of one delivery whose versions say nothing of their order, or which
   contradict each other in one version, that of the smallest source_id counts, and of one source
   the first. Of several Patient resources that name one patient, those that are retired come
   last, whatever their older versions say: inactive ones, and those that others replaced.
3. Nothing counts that is about a patient who was deleted, until a later delivery has that patient.
   This comes last, so that a record whose newest version is about a deleted patient does not fall
   back on an older one.

Deliveries are ordered by their names.
"""

from collections.abc import Sequence

LINEAGE_COLUMNS = ("delivery", "source_id", "record_number")
"""Where a row came from, from the largest to the smallest; together they name a record."""
OUT_OF_USE = "is_out_of_use"
"""The column that `with_retired` adds."""


def newest_first(
    *, updated: str | None = None, version: str | None = None, last: str | None = None
) -> Sequence[str]:
    """Terms of an ORDER BY that put the newest version of a record first.

    Parameters
    ----------
    updated
        When the source last changed the record, null where it does not say.
    version
        Its version as text; only numbers count.
    last
        Whether the row comes after all where this is false, however new it is.

    Examples
    --------
    >>> newest_first(version="version_id")[0]
    'try_cast(version_id as bigint) desc nulls last'
    """
    terms = [f"{last} asc"] if last else []
    if updated:
        terms.append(f"{updated} desc nulls last")
    if version:
        terms.append(f"try_cast({version} as bigint) desc nulls last")
    return [*terms, "delivery desc", "source_id asc", "record_number asc"]


def comparable(updated: str, *, record: str, versions: str) -> str:
    """When the source last changed a record, null where versions cannot be compared by it.

    De-identification shifts the moments of each patient by a number of days of its own, and leaves
    the year of those that are about no patient. So those of a record that its source gave to
    another patient, or first to none, say nothing of their order.

    Parameters
    ----------
    updated
        The moment, as it is published.
    record
        What the versions of one record have in common.
    versions
        Relation with `record` and patient_id, of all versions.
    """
    return (
        "case\n"
        "    when\n"
        f"        {record} not in (\n"
        f"            select said.{record}\n"
        f"            from {versions} as said\n"
        f"            group by said.{record}\n"
        "            having\n"
        "                min(coalesce(said.patient_id, '')) <> max(coalesce(said.patient_id, ''))\n"
        "        )\n"
        f"        then {updated}\n"
        "end"
    )


def with_retired(patients: str) -> str:
    """Query of versions of Patients, each with whether its resource is out of use now.

    Rows of earlier versions of the platform do not tell which resource they are of. They are taken
    for one of the newest, so that they do not outlive the only resource of a patient.

    Parameters
    ----------
    patients
        Relation with the columns of the typed table; what is null there was not declared yet.
    """
    terms = newest_first(updated="last_updated_at", version="version_id")
    order = ",\n".join(f"            {term}" for term in terms)
    windows = {
        "of_patient": "patient_id",
        "of_resource": "patient_id, patient_resource_id",
    }
    defined = ",\n".join(
        f"    {name} as (\n        partition by {same}\n        order by\n{order}\n    )"
        for name, same in windows.items()
    )
    return (
        "select\n"
        "    *,\n"
        "    case\n"
        "        when patient_resource_id is null\n"
        "            then first_value(coalesce(is_retired, false)) over of_patient\n"
        "        else first_value(coalesce(is_retired, false)) over of_resource\n"
        f"    end as {OUT_OF_USE}\n"
        f"from {patients}\n"
        "window\n"
        f"{defined}"
    )


def deleted_later(deletions: str, *, record: str, resource_type: str, resource_id: str) -> str:
    """Condition that holds for a row of which the record was deleted since.

    Parameters
    ----------
    deletions
        Relation with resource_type, resource_id and delivery.
    record
        Alias of the relation that the row is of.
    resource_type, resource_id
        SQL of what the row is about.
    """
    return (
        "exists (\n"
        "    select 1\n"
        f"    from {deletions} as deletion\n"
        "    where\n"
        f"        deletion.resource_type = {resource_type}\n"
        f"        and deletion.resource_id = {resource_id}\n"
        f"        and deletion.delivery >= {record}.delivery\n"
        ")"
    )


def deleted_patients(deletions: str, patients: str) -> str:
    """Query of the patients (patient_id) who were deleted and not brought back.

    Parameters
    ----------
    deletions
        Relation with resource_type, resource_id and delivery.
    patients
        Relation with patient_id and delivery, of all versions of all patients.
    """
    return (
        "with patient as (\n"
        "    select\n"
        "        patient_id,\n"
        "        max(delivery) as delivery\n"
        f"    from {patients}\n"
        "    group by patient_id\n"
        ")\n"
        "\n"
        "select deletion.resource_id as patient_id\n"
        f"from {deletions} as deletion\n"
        "left join patient\n"
        "    on deletion.resource_id = patient.patient_id\n"
        "where deletion.resource_type = 'Patient'\n"
        "group by deletion.resource_id\n"
        "having max(deletion.delivery) >= coalesce(max(patient.delivery), '')"
    )


def about_deleted_patient(deleted: str, *, record: str) -> str:
    """Condition that holds for a row that is about one of the deleted patients.

    Parameters
    ----------
    deleted
        Relation with what `deleted_patients` gives.
    record
        Alias of the relation that the row is of; its patient_id may be null.
    """
    return (
        "exists (\n"
        "    select 1\n"
        f"    from {deleted} as deleted_patient\n"
        f"    where deleted_patient.patient_id = {record}.patient_id\n"
        ")"
    )

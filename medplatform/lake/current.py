"""Which of the delivered versions of a record counts, as SQL: one notion for dbt and for views.

A record is current if it is the newest version that was delivered after its last deletion. A
deletion holds for all that its own delivery and those before it say of the record: files of a
delivery have no order, and a Bundle of FHIR history begins with the newest entry. So what its
source brings back counts when a later delivery has it. Deliveries are ordered by their names.
"""

from collections.abc import Sequence

LINEAGE_COLUMNS = ("delivery", "source_id", "record_number")
"""Where a row came from, from the largest to the smallest; together they name a record."""


def newest_first(*, updated: str | None = None, version: str | None = None) -> Sequence[str]:
    """Terms of an ORDER BY that put the newest version of a record first.

    Parameters
    ----------
    updated
        When the source last changed the record, null where it does not say.
    version
        Its version as text; only numbers count.

    Examples
    --------
    >>> newest_first(version="version_id")[0]
    'try_cast(version_id as bigint) desc nulls last'
    """
    terms = [f"{updated} desc nulls last"] if updated else []
    if version:
        terms.append(f"try_cast({version} as bigint) desc nulls last")
    return [*terms, *(f"{column} desc" for column in LINEAGE_COLUMNS)]


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

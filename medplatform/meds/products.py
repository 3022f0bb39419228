"""What is prescribed by reference: the code of each Medication that a request may refer to."""

import duckdb

from medplatform.lake import Lake
from medplatform.lake.current import LINEAGE_COLUMNS, deleted_later, newest_first
from medplatform.meds.vocabulary import RXNORM
from medplatform.modalities.ehr.nested import nested_table

_ELEMENTS = """
    select
        null::varchar as id,
        null::struct(lastupdated__start timestamptz, versionid varchar) as meta,
        null::struct(coding struct(code varchar, display varchar, system varchar)[]) as code,
        {lineage}
    where false
"""
"""What is read of a nested table; a column of it that never occurred is null."""


def find_products(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Make the table `product`: medication_id, code, system, display.

    Of the codings of a Medication the one of RxNorm is kept, else the first. Needs `deletion`
    (resource_type, resource_id, delivery).
    """
    lineage = ", ".join(
        f"null::{dtype} as {name}"
        for name, dtype in zip(LINEAGE_COLUMNS, ("varchar", "varchar", "bigint"), strict=True)
    )
    resources = _ELEMENTS.format(lineage=lineage)
    published = lake.relation(nested_table("Medication").name)
    if published:
        resources += f" union all by name select * from {published}"
    order = ", ".join(newest_first(updated="meta.lastupdated__start", version="meta.versionid"))
    deleted = deleted_later(
        "deletion", record="record", resource_type="'Medication'", resource_id="record.id"
    )
    connection.execute(
        f"""
        create table product as
        select
            medication_id,
            coding.code as code,
            coding.system as system,
            coding.display as display
        from (
            select
                id as medication_id,
                unnest(code.coding) as coding,
                generate_subscripts(code.coding, 1) as number
            from (
                select id, code
                from ({resources}) as record
                where not {deleted}
                qualify row_number() over (partition by id order by {order}) = 1
            )
        )
        where coding.code is not null
        qualify
            row_number() over (
                partition by medication_id
                order by coalesce(coding.system, '') = '{RXNORM}' desc, number
            ) = 1
        """
    )

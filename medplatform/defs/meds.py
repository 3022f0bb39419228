"""The events of the lake in Medical Event Data Standard form, as an asset."""

import dagster as dg

from medplatform.defs import show
from medplatform.defs.ingest import lake_key
from medplatform.installation import Installation
from medplatform.modalities.ehr.nested import FAMILY
from medplatform.modalities.ehr.tables import DELETION, TABLE_OF


def meds_assets() -> list[dg.AssetsDefinition]:
    """The MEDS export."""

    @dg.asset(
        key=["exports", "meds"],
        deps=[lake_key(table) for table in (*TABLE_OF.values(), DELETION, FAMILY.pattern)],
        description="One row per event of a patient, in shards of whole patients sorted by time: "
        "a Medical Event Data Standard data set (MEDS 0.4) of the health records. The newest "
        "version of each record; neither entered in error nor deleted. See docs/meds.md.",
        kinds={"duckdb", "parquet"},
        group_name="exports",
        tags={"modality": "ehr", "phi": "pseudonym"},
    )
    def meds(installation: dg.ResourceParam[Installation]) -> dg.MaterializeResult:
        from medplatform.meds import export_meds
        from medplatform.meds.shards import SCHEMA

        result = export_meds(installation.lake, installation.settings.data / "exports" / "meds")
        left_out = [
            {"kind": count.kind, "table": count.table, "reason": reason, "rows": rows}
            for count in result.kinds
            for reason, rows in count.left_out.items()
        ]
        splits = [
            {"split": s.split, "subjects": s.subjects, "shards": s.shards, "events": s.events}
            for s in result.splits
        ]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": result.events,
                "dagster/uri": dg.MetadataValue.path(str(result.folder)),
                "dagster/column_schema": dg.TableSchema(
                    columns=[dg.TableColumn(field.name, str(field.type)) for field in SCHEMA]
                ),
                "version": result.version,
                "subjects": result.subjects,
                "events": result.events,
                "codes": result.codes,
                "shards": result.shards,
                "splits": show.records(splits),
                "left_out": show.records(left_out),
            }
        )

    return [meds]

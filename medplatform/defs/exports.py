"""Exports of a FHIR server: the asset that fetches one, its job and its schedule.

They exist only where `MEDPLATFORM_BULK_SERVER_URL` names a server. What is fetched is a delivery
like any other: the delivery sensor sees it, and the assets of the lake read it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from medplatform.defs import show
from medplatform.installation import Installation
from medplatform.settings import Settings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

    from medplatform.bulk_export import FetchedExport

EXPORT = dg.AssetKey(["landing", "fhir_export"])
JOB = "fetch_fhir_export"

_ASSET = """
One delivery of FHIR records per export that the Bulk Data server was asked for: what changed there
since the last complete one, everything the first time. It is put into landing, and the sensor
new_deliveries has it read.

Configured by MEDPLATFORM_BULK_SERVER_URL, _SOURCE, _GROUP_ID, _CLIENT_ID, _KEY_FILE, _SCOPE,
_ALLOWED_HOSTS, _CA_FILE and _PROXY. Make a key with `medplatform key create-client`, and give what
it prints to the operator of the server. See docs/bulk-export.md.
"""


def export_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The asset that fetches exports, where a server is configured."""
    return [_fhir_export()] if settings.bulk_server_url else []


def export_jobs(settings: Settings) -> "list[UnresolvedAssetJobDefinition]":
    """The job that fetches an export, where a server is configured."""
    if not settings.bulk_server_url:
        return []
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(EXPORT),
        description="Fetch what changed at the FHIR server into landing. An interrupted export is "
        "continued; where another process fetches it already, nothing is done.",
        tags={"purpose": "export"},
    )
    return [job]


def export_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedule that starts that job, where a server is configured."""
    if not settings.bulk_server_url:
        return []
    status = dg.DefaultScheduleStatus
    return [
        dg.ScheduleDefinition(
            name="fhir_exports",
            job_name=JOB,
            cron_schedule=settings.bulk_cron,
            execution_timezone=settings.timezone,
            default_status=status.RUNNING if settings.schedule_on else status.STOPPED,
            description="Fetches what changed at the FHIR server (MEDPLATFORM_BULK_CRON).",
        )
    ]


def _fhir_export() -> dg.AssetsDefinition:
    @dg.asset(
        key=EXPORT,
        description=_ASSET,
        kinds={"fhir", "ndjson"},
        group_name="ehr",
        tags={"modality": "ehr", "phi": "identifying"},
        output_required=False,
    )
    def fhir_export(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult]:
        from medplatform.bulk_export import TransferError, TransferLocked

        try:
            export = _fetch(installation, context.log)
        except TransferLocked as error:
            context.log.info("Skipped: %s", error)
            return
        except TransferError as error:
            raise dg.Failure(str(error)) from error
        yield dg.MaterializeResult(metadata=_metadata(export))

    return fhir_export


def _fetch(installation: Installation, log: dg.DagsterLogManager) -> "FetchedExport":
    from medplatform.bulk_export import fetch_export, last_transaction_time

    settings = installation.settings
    request = installation.export_request
    assert request, "the asset exists only where a server is configured"
    since = last_transaction_time(settings.landing, request)
    log.info("Asking for %s.", f"what changed since {since}" if since else "everything")
    return fetch_export(
        request.model_copy(update={"since": since}),
        landing=settings.landing,
        source=settings.bulk_source,
        credentials=installation.credentials,
        allowed_hosts=settings.bulk_allowed_hosts,
        network=installation.network,
        progress=show.log_progress(log),
        notify=log.info,
    )


def _metadata(export: "FetchedExport") -> dict[str, dg.MetadataValue]:
    types = [{"type": name, "resources": number} for name, number in export.resources.items()]
    issues = [{"issue": name, "times": number} for name, number in export.issues.items()]
    since = export.request.get("since")
    return {
        "delivery": dg.MetadataValue.text(export.delivery or "none: nothing changed"),
        "since": dg.MetadataValue.text(since or "the beginning"),
        "transaction_time": dg.MetadataValue.text(export.transaction_time),
        "resources": dg.MetadataValue.int(sum(export.resources.values())),
        "resources_by_type": show.records(types),
        "bundles_of_deletions": dg.MetadataValue.int(export.deleted),
        "is_complete": dg.MetadataValue.bool(export.is_complete),
        "issues": show.records(issues),
    }

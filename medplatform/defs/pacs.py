"""Images of a DICOMweb server: the asset that fetches what is new, its job and its schedule.

They exist only where `MEDPLATFORM_DICOMWEB_URL` names a server. What is fetched is a delivery like
any other: the delivery sensor sees it, and the assets of the lake read it. So is what
`medplatform receive` and `medplatform pull` bring, which have no definitions here.
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

    from medplatform.pacs.retrieval import Retrieval

IMAGES = dg.AssetKey(["landing", "dicomweb_images"])
JOB = "fetch_dicomweb_images"

_ASSET = """
One delivery of DICOM files per retrieval that found something new: what the DICOMweb server has and
no delivery has brought. It is put into landing, and the sensor new_deliveries has it read.

Configured by MEDPLATFORM_DICOMWEB_URL, _USER, _SECRET_FILE, _MODALITIES, _DAYS, _ALLOWED_HOSTS,
_CA_FILE and _PROXY. See docs/pacs.md.
"""


def pacs_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The asset that fetches images, where a server is configured."""
    return [_dicomweb_images()] if settings.dicomweb_url else []


def pacs_jobs(settings: Settings) -> "list[UnresolvedAssetJobDefinition]":
    """The job that fetches images, where a server is configured."""
    if not settings.dicomweb_url:
        return []
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(IMAGES),
        description="Fetch what is new at the DICOMweb server into landing. An interrupted "
        "retrieval is continued; where another process fetches it already, nothing is done.",
        tags={"purpose": "export"},
    )
    return [job]


def pacs_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedule that starts that job, where a server is configured."""
    if not settings.dicomweb_url:
        return []
    status = dg.DefaultScheduleStatus
    return [
        dg.ScheduleDefinition(
            name="dicomweb_images",
            job_name=JOB,
            cron_schedule=settings.dicomweb_cron,
            execution_timezone=settings.timezone,
            default_status=status.RUNNING if settings.schedule_on else status.STOPPED,
            description="Fetches what is new at the DICOMweb server (MEDPLATFORM_DICOMWEB_CRON).",
        )
    ]


def _dicomweb_images() -> dg.AssetsDefinition:
    @dg.asset(
        key=IMAGES,
        description=_ASSET,
        kinds={"dicom"},
        group_name="imaging",
        tags={"modality": "imaging", "phi": "identifying"},
        output_required=False,
    )
    def dicomweb_images(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult]:
        from medplatform.transfer import TransferError, TransferLocked

        try:
            retrieval = _fetch(installation, context.log)
        except TransferLocked as error:
            context.log.info("Skipped: %s", error)
            return
        except TransferError as error:
            raise dg.Failure(str(error)) from error
        yield dg.MaterializeResult(metadata=_metadata(retrieval))

    return dicomweb_images


def _fetch(installation: Installation, log: dg.DagsterLogManager) -> "Retrieval":
    from medplatform.pacs.dicomweb import fetch_images

    settings = installation.settings
    assert settings.dicomweb_url, "the asset exists only where a server is configured"
    return fetch_images(
        installation.dicomweb_query,
        base_url=settings.dicomweb_url,
        landing=settings.landing,
        secret=installation.dicomweb_secret,
        allowed_hosts=settings.dicomweb_allowed_hosts,
        network=installation.dicomweb_network,
        progress=show.log_progress(log),
        notify=log.info,
    )


def _metadata(retrieval: "Retrieval") -> dict[str, dg.MetadataValue]:
    failures = [{"reason": name, "instances": n} for name, n in retrieval.failures.items()]
    return {
        "delivery": dg.MetadataValue.text(retrieval.delivery or "none: nothing new"),
        "found": dg.MetadataValue.int(retrieval.found),
        "delivered_before": dg.MetadataValue.int(retrieval.delivered_before),
        "fetched": dg.MetadataValue.int(retrieval.fetched),
        "failed": dg.MetadataValue.int(retrieval.failed),
        "failures": show.records(failures),
        "bytes": dg.MetadataValue.int(retrieval.bytes),
        "is_complete": dg.MetadataValue.bool(retrieval.is_complete),
    }

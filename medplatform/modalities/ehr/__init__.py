"""Health records: FHIR R4, R4B and R5 as NDJSON, Bundles, single resources, arrays or archives.

Every resource type becomes a nested table; Patient, Encounter, Condition, Observation,
MedicationRequest, Procedure and DiagnosticReport a typed one too.
"""

from dataclasses import replace
from functools import partial

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.ehr.configuration import Configuration
from medplatform.modalities.ehr.nested import FAMILY
from medplatform.modalities.ehr.tables import TABLES
from medplatform.modalities.modality import Modality, Progress
from medplatform.privacy import Identity


def _read(
    delivery: Delivery,
    stage: Stage,
    identity: Identity,
    progress: Progress,
    /,
    configuration: Configuration | None = None,
) -> None:
    from medplatform.modalities.ehr.reader import read_delivery

    read_delivery(delivery, stage, identity, progress, configuration or Configuration())


def _count(source: Source) -> dict[str, int]:
    from medplatform.modalities.ehr.count import count_resources

    return {"resource": count_resources(source.path)}


EHR = Modality(
    name="ehr",
    title="Health records (FHIR)",
    tables=TABLES,
    read=_read,
    count_records=_count,
    families=(FAMILY,),
)


def configure(configuration: Configuration) -> Modality:
    """Health records, read as an installation says."""
    return replace(EHR, read=partial(_read, configuration=configuration))

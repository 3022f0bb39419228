"""Health records: FHIR R4 as bulk NDJSON, Bundles, single resources or arrays.

Patient, Encounter, Condition, Observation, MedicationRequest, Procedure and DiagnosticReport
become tables; every other resource type is counted and stays in landing.
"""

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.ehr.tables import TABLES
from medplatform.modalities.modality import Modality, Progress
from medplatform.privacy import Identity


def _read(delivery: Delivery, stage: Stage, identity: Identity, progress: Progress, /) -> None:
    from medplatform.modalities.ehr.reader import read_delivery

    read_delivery(delivery, stage, identity, progress)


def _count(source: Source) -> dict[str, int]:
    from medplatform.modalities.ehr.count import count_resources

    return {"resource": count_resources(source.path)}


EHR = Modality(
    name="ehr",
    title="Health records (FHIR R4)",
    tables=TABLES,
    read=_read,
    count_records=_count,
)

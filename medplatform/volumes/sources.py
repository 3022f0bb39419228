"""Whether the tables of series would come out the same again: a digest of all they rest on."""

from hashlib import sha256
from pathlib import Path

from medplatform.lake import Lake
from medplatform.modalities.ehr.deleted import find_deleted_patients
from medplatform.modalities.imaging import current
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE

_TABLES = (IMAGING_INSTANCE.name, IMAGING_FRAME.name)


def digest_sources(lake: Lake) -> str:
    """Digest of the images and their refusals, of the patients who were deleted, and of the code
    that reads them. Of health records nothing else counts."""
    digest = sha256()
    for module in (*sorted(Path(__file__).parent.glob("*.py")), Path(current.__file__)):
        digest.update(module.read_bytes())
    for patient_id in sorted(find_deleted_patients(lake)):
        digest.update(patient_id.encode())
    for entry in lake.ledger.entries(IMAGING_INSTANCE.modality):
        files = [file for table in _TABLES for file in entry.tables.get(table, [])]
        refused = [file for reading in entry.readings for file in reading.quarantine]
        for file in (*files, *refused):
            digest.update(f"{entry.delivery}:{file.sha256}".encode())
    return digest.hexdigest()

"""Whether the tables of series would come out the same again: a digest of all they rest on."""

from hashlib import sha256
from pathlib import Path

from medplatform.lake import Lake
from medplatform.modalities.ehr.tables import DELETION, PATIENT
from medplatform.modalities.imaging.tables import IMAGING_FRAME, IMAGING_INSTANCE

_TABLES = (IMAGING_INSTANCE.name, IMAGING_FRAME.name, DELETION.name, PATIENT.name)


def digest_sources(lake: Lake) -> str:
    """Digest of the files of the lake that are read, and of the code that reads them.

    Refusals are among them, of health records too.
    """
    digest = sha256()
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    for modality in sorted({name.partition("_")[0] for name in _TABLES}):
        for entry in lake.ledger.entries(modality):
            digest.update(entry.delivery.encode())
            files = [file for table in _TABLES for file in entry.tables.get(table, [])]
            refused = [file for reading in entry.readings for file in reading.quarantine]
            for file in (*files, *refused):
                digest.update(file.sha256.encode())
    return digest.hexdigest()

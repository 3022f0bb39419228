"""The lake: declared tables as Parquet files, a ledger that says which of them exist.

This package alone knows the storage format. It knows nothing of FHIR, DICOM, VCF or Dagster.
"""

from medplatform.lake.lake import DISK_FULL, DeliveryLocked, Lake, LakeError
from medplatform.lake.ledger import Counts, LedgerEntry, SourceEntry, WrittenFile
from medplatform.lake.snapshot import Snapshot, freeze, read_snapshot
from medplatform.lake.stage import Refusal, Stage, Staged
from medplatform.lake.table import Column, Phi, Table, TableFamily

__all__ = [
    "DISK_FULL",
    "Column",
    "Counts",
    "DeliveryLocked",
    "Lake",
    "LakeError",
    "LedgerEntry",
    "Phi",
    "Refusal",
    "Snapshot",
    "SourceEntry",
    "Stage",
    "Staged",
    "Table",
    "TableFamily",
    "WrittenFile",
    "freeze",
    "read_snapshot",
]

"""Molecules: SMILES, CSV and SDF files to standardised structures and what was measured of them.

A molecule is not a patient's: nothing here is linked to one, and names and ids of compounds stay as
they were delivered.
"""

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.modality import Modality, Progress
from medplatform.modalities.molecules.tables import TABLES
from medplatform.privacy import Identity


def _read(delivery: Delivery, stage: Stage, _identity: Identity, progress: Progress, /) -> None:
    from medplatform.modalities.molecules.reader import read

    read(delivery, stage, progress)


def _count_records(source: Source) -> dict[str, int]:
    from medplatform.modalities.molecules.recount import count_records

    return count_records(source)


MOLECULES = Modality(
    name="molecules",
    title="Molecules",
    tables=TABLES,
    read=_read,
    count_records=_count_records,
)

__all__ = ["MOLECULES"]

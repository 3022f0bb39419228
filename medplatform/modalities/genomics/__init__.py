"""Genomes: VCF files to variants, samples linked to patients, and packed genotypes.

Samples reach patients only through the delivery's `crosswalk.csv`, or each sample is a person of
its own where `delivery.json` declares that. No sample name and no header text enters the lake.
"""

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.genomics.tables import TABLES
from medplatform.modalities.modality import Modality, Progress
from medplatform.privacy import Identity


def _read(delivery: Delivery, stage: Stage, identity: Identity, progress: Progress, /) -> None:
    from medplatform.modalities.genomics.reader import read

    read(delivery, stage, identity, progress)


def _count_records(source: Source) -> dict[str, int]:
    from medplatform.modalities.genomics.recount import count_records

    return count_records(source)


GENOMICS = Modality(
    name="genomics",
    title="Genomes",
    tables=TABLES,
    read=_read,
    count_records=_count_records,
)

__all__ = ["GENOMICS"]

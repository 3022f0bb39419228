"""Genomes: VCF files to variants, samples linked to patients, and packed genotypes.

Samples reach patients only through the delivery's `crosswalk.csv`, or each sample is a person of
its own where `delivery.json` declares that. No sample name enters the lake, and nothing of a header
but the ids of the keys that it declares, which are names of columns, and of those that records use.
"""

from dataclasses import replace
from functools import partial

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.genomics.configuration import Configuration
from medplatform.modalities.genomics.tables import TABLES
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
    from medplatform.modalities.genomics.delivery import read

    read(delivery, stage, identity, progress, configuration or Configuration())


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


def configure(configuration: Configuration) -> Modality:
    """Genomes, read as an installation says."""
    return replace(GENOMICS, read=partial(_read, configuration=configuration))


__all__ = ["GENOMICS", "Configuration", "configure"]

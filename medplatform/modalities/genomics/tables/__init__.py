"""The tables of genomics: variants as sites, samples as patients, genotypes as packed cells."""

from medplatform.modalities.genomics.tables.allele import ALLELE
from medplatform.modalities.genomics.tables.annotation import ANNOTATION
from medplatform.modalities.genomics.tables.block import BLOCK
from medplatform.modalities.genomics.tables.carrier import CARRIER
from medplatform.modalities.genomics.tables.genotype import GENOTYPE
from medplatform.modalities.genomics.tables.sample import SAMPLE
from medplatform.modalities.genomics.tables.sequence import SEQUENCE
from medplatform.modalities.genomics.tables.variant import VARIANT

TABLES = (VARIANT, ALLELE, SAMPLE, GENOTYPE, CARRIER, BLOCK, ANNOTATION, SEQUENCE)

__all__ = [
    "ALLELE",
    "ANNOTATION",
    "BLOCK",
    "CARRIER",
    "GENOTYPE",
    "SAMPLE",
    "SEQUENCE",
    "TABLES",
    "VARIANT",
]

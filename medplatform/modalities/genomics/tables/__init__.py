"""The tables of genomics: variants as sites, samples as patients, genotypes as packed cells."""

from medplatform.modalities.genomics.tables.allele import ALLELE
from medplatform.modalities.genomics.tables.annotation import ANNOTATION
from medplatform.modalities.genomics.tables.genotype import GENOTYPE
from medplatform.modalities.genomics.tables.sample import SAMPLE
from medplatform.modalities.genomics.tables.variant import VARIANT

TABLES = (VARIANT, ALLELE, SAMPLE, GENOTYPE, ANNOTATION)

__all__ = ["ALLELE", "ANNOTATION", "GENOTYPE", "SAMPLE", "TABLES", "VARIANT"]

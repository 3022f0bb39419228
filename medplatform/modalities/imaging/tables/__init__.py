"""The tables of imaging: one module each."""

from medplatform.modalities.imaging.tables.annotation import IMAGING_ANNOTATION
from medplatform.modalities.imaging.tables.frame import IMAGING_FRAME
from medplatform.modalities.imaging.tables.instance import IMAGING_INSTANCE
from medplatform.modalities.imaging.tables.mask import IMAGING_MASK

TABLES = (IMAGING_INSTANCE, IMAGING_FRAME, IMAGING_MASK, IMAGING_ANNOTATION)

__all__ = ["IMAGING_ANNOTATION", "IMAGING_FRAME", "IMAGING_INSTANCE", "IMAGING_MASK", "TABLES"]

"""The kinds of input the platform reads: one line each.

A modality turns a delivery into rows of its tables and refusals; nothing else in the platform
changes when one is added.
"""

from medplatform.lake import Table
from medplatform.modalities.ehr import EHR
from medplatform.modalities.genomics import GENOMICS
from medplatform.modalities.imaging import IMAGING
from medplatform.modalities.modality import Modality
from medplatform.modalities.molecules import MOLECULES

MODALITIES: dict[str, Modality] = {m.name: m for m in (EHR, IMAGING, GENOMICS, MOLECULES)}
TABLES: dict[str, Table] = {t.name: t for m in MODALITIES.values() for t in m.tables}

__all__ = ["MODALITIES", "TABLES", "Modality"]

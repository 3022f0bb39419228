"""The tables of molecules: structures, and what was measured of them."""

from medplatform.modalities.molecules.tables.assay import ASSAY
from medplatform.modalities.molecules.tables.molecule import MOLECULE

TABLES = (MOLECULE, ASSAY)

__all__ = ["ASSAY", "MOLECULE", "TABLES"]

"""A row of molecules_molecule from a structure: identity, form, scaffold, fingerprint."""

import hashlib
from functools import cache
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.Descriptors import MolWt  # pyright: ignore[reportAttributeAccessIssue]
from rdkit.Chem.Scaffolds import MurckoScaffold

from medplatform.modalities.molecules.fingerprint import BITS, RADIUS, pack
from medplatform.modalities.molecules.records import Structure
from medplatform.modalities.molecules.standard import Unusable, standardise

CARBON = 6


def describe(structure: Structure) -> dict[str, Any]:
    """The columns that follow from a structure.

    Raises
    ------
    Unusable
        The structure cannot be read or standardised.
    """
    standard = standardise(structure)
    parent = standard.parent
    key = _inchi_key(parent)
    is_whole = not (standard.removed or standard.was_neutralised)
    atoms = list(parent.GetAtoms())
    scaffold = scaffold_smiles(parent)
    undefined = rdMolDescriptors.CalcNumUnspecifiedAtomStereoCenters(parent)
    return {
        "molecule_id": key,
        "connectivity_id": key.partition("-")[0],
        "form_id": key if is_whole else _inchi_key(standard.form),
        "smiles": standard.smiles,
        "delivered_smiles": None if structure.is_molfile else structure.text,
        "formula": rdMolDescriptors.CalcMolFormula(parent),
        "molecular_weight": MolWt(parent),
        "heavy_atom_count": parent.GetNumHeavyAtoms(),
        "formal_charge": Chem.GetFormalCharge(parent),
        "stereo_center_count": rdMolDescriptors.CalcNumAtomStereoCenters(parent) - undefined,
        "undefined_stereo_center_count": undefined,
        "scaffold_smiles": scaffold,
        "scaffold_id": hashlib.blake2b(scaffold.encode(), digest_size=8).hexdigest(),
        "was_salt_stripped": bool(standard.removed),
        "removed_fragments": list(standard.removed),
        "was_neutralised": standard.was_neutralised,
        "is_mixture": standard.is_mixture,
        "is_inorganic": not any(atom.GetAtomicNum() == CARBON for atom in atoms),
        "has_isotopes": any(atom.GetIsotope() for atom in atoms),
        "has_relative_stereo": standard.has_relative_stereo,
        "morgan_fingerprint": pack(_generator().GetFingerprintAsNumPy(parent)),
    }


def scaffold_smiles(molecule: Chem.Mol) -> str:
    """The Bemis-Murcko scaffold (1996, doi:10.1021/jm9602928), empty without rings."""
    try:
        return MurckoScaffold.MurckoScaffoldSmiles(mol=molecule, includeChirality=False)
    except (ValueError, RuntimeError):
        raise Unusable("molecule.standardization") from None


@cache
def _generator() -> "rdFingerprintGenerator.FingerprintGenerator64":
    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)


def _inchi_key(molecule: Chem.Mol) -> str:
    key = Chem.MolToInchiKey(molecule)
    if not key:
        raise Unusable("molecule.no_inchi")
    return key

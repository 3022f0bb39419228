"""From a delivered structure to its parent: the neutral molecule without salts and solvents.

The order is that of the ChEMBL structure pipeline (Bento et al. 2020,
doi:10.1186/s13321-020-00456-1): clean-up (explicit hydrogens merged, bonds to metals broken,
functional groups normalised, charges moved to the strongest acids), the largest organic fragment,
then as few charges as can be. Each step is RDKit's rdMolStandardize.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache

from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from medplatform.modalities.molecules.records import Structure

MAX_HEAVY_ATOMS = 999
MAX_SMILES_CHARACTERS = 20_000
_LONG_SMILES = 1000
"""Fewer characters hold no more atoms than are read."""
# Arrows of reactions; '->' and '<-' are dative bonds of RDKit's SMILES.
_REACTION = re.compile(r"(?<!-)>")


class Unusable(ValueError):
    """A structure cannot be read or standardised. `code` names the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Standardised:
    """A parent, and what was done to reach it."""

    parent: Chem.Mol
    smiles: str
    form: Chem.Mol
    removed: tuple[str, ...]
    was_neutralised: bool
    has_relative_stereo: bool

    @property
    def is_mixture(self) -> bool:
        """Whether a removed fragment is no salt or solvent that RDKit lists."""
        return not all(map(is_salt_or_solvent, self.removed))


def standardise(structure: Structure) -> Standardised:
    """The parent of a structure; its SMILES and InChIKey are those of what RDKit reads back.

    Raises
    ------
    Unusable
        The structure cannot be read, is no single molecule, or cannot be standardised.
    """
    delivered = _read(structure)
    tools = _tools()
    try:
        form = Chem.RemoveHs(delivered)
        tools.metals.DisconnectInPlace(form)
        # On aromatic bonds a rule for one bond would leave a ring that nobody can read.
        Chem.Kekulize(form, clearAromaticFlags=True)
        tools.normalizer.normalizeInPlace(form)
        Chem.SanitizeMol(form)
        tools.reionizer.reionizeInPlace(form)
        Chem.AssignStereochemistry(form)
        parent, removed = _largest_fragment(form)
        was_neutralised = _neutralise(parent)
        smiles = Chem.MolToSmiles(parent)
        parent = Chem.MolFromSmiles(smiles)
    except (ValueError, RuntimeError):  # of RDKit's C++: sanitisation, preconditions
        raise Unusable("molecule.standardization") from None
    if parent is None:
        raise Unusable("molecule.standardization")
    has_relative_stereo = any(
        group.GetGroupType() != Chem.StereoGroupType.STEREO_ABSOLUTE
        for group in delivered.GetStereoGroups()
    )
    return Standardised(parent, smiles, form, removed, was_neutralised, has_relative_stereo)


@lru_cache(maxsize=4096)
def is_salt_or_solvent(smiles: str) -> bool:
    """Whether a fragment is in RDKit's list of salts and solvents, in whatever charge."""
    fragment = Chem.MolFromSmiles(smiles)
    if fragment is None:
        return False
    remover = _tools().remover
    neutral = _tools().uncharger.uncharge(fragment)
    return any(remover.remove(one).GetNumAtoms() == 0 for one in (fragment, neutral))


def _read(structure: Structure) -> Chem.Mol:
    text = structure.text
    if structure.is_molfile:
        molecule = Chem.MolFromMolBlock(text)
    else:
        _refuse_text(text)
        molecule = Chem.MolFromSmiles(text)
    if molecule is None:
        raise Unusable(_diagnose(structure))
    _refuse_atoms(molecule)
    return molecule


def _refuse_text(text: str) -> None:
    if not text.strip():
        raise Unusable("smiles.empty")
    if len(text) > MAX_SMILES_CHARACTERS:
        raise Unusable("molecule.too_large")
    if _REACTION.search(text.split()[0]):
        raise Unusable("molecule.reaction")
    if len(text) > _LONG_SMILES:
        # Rings are searched for in a sanitised molecule only, which takes long in a large one.
        raw = Chem.MolFromSmiles(text, sanitize=False)
        if raw is not None and raw.GetNumHeavyAtoms() > MAX_HEAVY_ATOMS:
            raise Unusable("molecule.too_large")


def _refuse_atoms(molecule: Chem.Mol) -> None:
    if molecule.GetNumAtoms() == 0:
        raise Unusable("smiles.empty")
    if molecule.GetNumHeavyAtoms() > MAX_HEAVY_ATOMS:
        raise Unusable("molecule.too_large")
    if any(atom.GetAtomicNum() == 0 or atom.HasQuery() for atom in molecule.GetAtoms()):
        raise Unusable("molecule.wildcard")


def _diagnose(structure: Structure) -> str:
    """Why RDKit gives no molecule, as a code."""
    parse = Chem.MolFromMolBlock if structure.is_molfile else Chem.MolFromSmiles
    raw = parse(structure.text, sanitize=False)
    if raw is None:
        return "sdf.malformed" if structure.is_molfile else "smiles.syntax"
    try:
        Chem.SanitizeMol(raw)
    except Chem.AtomValenceException:
        return "molecule.valence"
    except (Chem.KekulizeException, Chem.AtomKekulizeException):
        return "molecule.kekulization"
    except (ValueError, RuntimeError):
        return "molecule.chemistry"
    return "molecule.chemistry"


def _largest_fragment(form: Chem.Mol) -> tuple[Chem.Mol, tuple[str, ...]]:
    """The parent fragment, and the SMILES of the others."""
    fragments = Chem.GetMolFrags(form, asMols=True)
    if len(fragments) == 1:
        return Chem.Mol(form), ()
    parent = _tools().chooser.choose(form)
    others = Counter(Chem.MolToSmiles(fragment) for fragment in fragments)
    others[Chem.MolToSmiles(parent)] -= 1
    return parent, tuple(sorted(others.elements()))


def _neutralise(parent: Chem.Mol) -> bool:
    """Remove the charges that can be removed, and say whether there were some."""
    before = [atom.GetFormalCharge() for atom in parent.GetAtoms()]
    if not any(before):
        return False
    Chem.Kekulize(parent, clearAromaticFlags=True)
    _tools().uncharger.unchargeInPlace(parent)
    Chem.SanitizeMol(parent)
    return before != [atom.GetFormalCharge() for atom in parent.GetAtoms()]


@dataclass(frozen=True, slots=True)
class _Tools:
    """Steps of rdMolStandardize, made once: making them takes longer than using them."""

    metals: rdMolStandardize.MetalDisconnector
    normalizer: rdMolStandardize.Normalizer
    reionizer: rdMolStandardize.Reionizer
    chooser: rdMolStandardize.LargestFragmentChooser
    uncharger: rdMolStandardize.Uncharger
    remover: rdMolStandardize.FragmentRemover


@cache
def _tools() -> _Tools:
    parameters = rdMolStandardize.CleanupParameters()
    parameters.preferOrganic = True
    return _Tools(
        rdMolStandardize.MetalDisconnector(),
        rdMolStandardize.Normalizer(),
        rdMolStandardize.Reionizer(),
        rdMolStandardize.LargestFragmentChooser(parameters),
        rdMolStandardize.Uncharger(),
        rdMolStandardize.FragmentRemover("", False),
    )

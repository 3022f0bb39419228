"""What becomes of a structure: its parent, its identity, or the reason why it is refused."""

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from medplatform.modalities.molecules.describe import describe
from medplatform.modalities.molecules.fingerprint import unpack
from medplatform.modalities.molecules.records import Structure
from medplatform.modalities.molecules.standard import Unusable

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def test_a_molecule_is_its_inchikey() -> None:
    row = describe(Structure(ASPIRIN))
    assert row["molecule_id"] == row["form_id"] == "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
    assert row["connectivity_id"] == "BSYNRYMUTXBXSQ"
    assert row["smiles"] == "CC(=O)Oc1ccccc1C(=O)O"
    assert row["formula"] == "C9H8O4"
    assert row["molecular_weight"] == pytest.approx(180.159, abs=1e-3)
    assert row["heavy_atom_count"] == 13
    assert row["formal_charge"] == 0
    assert not row["was_salt_stripped"]
    assert not row["was_neutralised"]


@pytest.mark.parametrize(
    "smiles",
    [
        "O=C(C)Oc1ccccc1C(=O)O",  # another order of atoms
        "CC(=O)OC1=CC=CC=C1C(=O)O",  # Kekulé form
        "CC(=O)Oc1ccccc1C(=O)[O-].[Na+]",  # a salt
        "CC(=O)Oc1ccccc1C(=O)O[Na]",  # the same, drawn with a bond
        "CC(=O)Oc1ccccc1C(=O)O.O",  # a hydrate
        "[H]C([H])([H])C(=O)Oc1ccccc1C(=O)O",  # with hydrogens
    ],
)
def test_forms_of_a_molecule_have_one_identity(smiles: str) -> None:
    row = describe(Structure(smiles))
    assert row["molecule_id"] == "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
    assert row["smiles"] == ASPIRIN


def test_what_was_removed_is_said() -> None:
    row = describe(Structure("CC(=O)Oc1ccccc1C(=O)[O-].[Na+].O.O"))
    assert row["was_salt_stripped"]
    assert row["removed_fragments"] == ["O", "O", "[Na+]"]
    assert row["was_neutralised"]
    assert not row["is_mixture"]
    assert row["form_id"] != row["molecule_id"]


def test_a_second_substance_makes_a_mixture() -> None:
    row = describe(Structure(f"{ASPIRIN}.CN1C=NC2=C1C(=O)NC(=O)N2C"))
    assert row["is_mixture"]
    assert row["removed_fragments"] == [ASPIRIN] or row["smiles"] == ASPIRIN


def test_the_organic_part_is_the_parent_even_where_it_is_the_smaller() -> None:
    row = describe(Structure("CN.F[P-](F)(F)(F)(F)F.[K+]"))
    assert row["smiles"] == "CN"


def test_a_salt_without_carbon_is_inorganic() -> None:
    row = describe(Structure("[Cl-].[Na+]"))
    assert row["is_inorganic"]
    assert row["scaffold_smiles"] == ""
    assert len(row["removed_fragments"]) == 1


def test_charges_that_belong_to_a_molecule_stay() -> None:
    row = describe(Structure("C[N+](C)(C)CCO"))
    assert (row["formal_charge"], row["was_neutralised"]) == (1, False)
    assert describe(Structure("[NH3+]CC(=O)[O-]"))["smiles"] == "NCC(=O)O"
    nitro = describe(Structure("CN(=O)=O"))
    assert nitro["smiles"] == "C[N+](=O)[O-]"


def test_stereochemistry_and_isotopes_are_kept_and_told() -> None:
    drawn = describe(Structure("C[C@H](N)C(=O)O"))
    flat = describe(Structure("CC(N)C(=O)O"))
    assert drawn["connectivity_id"] == flat["connectivity_id"]
    assert drawn["molecule_id"] != flat["molecule_id"]
    counts = ("stereo_center_count", "undefined_stereo_center_count")
    assert [drawn[name] for name in counts] == [1, 0]
    assert [flat[name] for name in counts] == [0, 1]
    heavy = describe(Structure("[2H]C(Cl)(Cl)Cl"))
    assert heavy["has_isotopes"]
    assert heavy["molecule_id"] != describe(Structure("C(Cl)(Cl)Cl"))["molecule_id"]


def test_relative_stereochemistry_of_an_extended_smiles_is_told() -> None:
    assert describe(Structure("C[C@H](F)Cl |&1:1|"))["has_relative_stereo"]
    assert not describe(Structure("C[C@H](F)Cl |a:1|"))["has_relative_stereo"]


def test_tautomers_that_standard_inchi_does_not_tell_apart_share_an_identity() -> None:
    forms = ["Oc1ccccn1", "O=c1cccc[nH]1"]
    first, second = (describe(Structure(smiles)) for smiles in forms)
    assert first["molecule_id"] == second["molecule_id"]
    assert first["smiles"] != second["smiles"]


def test_the_scaffold_is_rings_and_their_links() -> None:
    row = describe(Structure("CCc1ccc(C[C@H](O)c2ccncc2)cc1"))
    assert row["scaffold_smiles"] == "c1ccc(CCc2ccncc2)cc1"
    assert row["scaffold_id"] == describe(Structure("c1ccc(CCc2ccncc2)cc1"))["scaffold_id"]
    assert describe(Structure("CCO"))["scaffold_smiles"] == ""


def test_the_fingerprint_is_rdkits() -> None:
    cell = describe(Structure(ASPIRIN))["morgan_fingerprint"]
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    expected = generator.GetFingerprintAsNumPy(Chem.MolFromSmiles(ASPIRIN))
    assert len(cell) == 256
    assert np.array_equal(unpack([cell, cell]), np.stack([expected, expected]))


@pytest.mark.parametrize(
    ("smiles", "code"),
    [
        ("", "smiles.empty"),
        ("C1CC", "smiles.syntax"),
        ("ethanol", "smiles.syntax"),
        ("[Xx]", "smiles.syntax"),
        ("CN(C)(C)C", "molecule.valence"),
        ("c1cccc1", "molecule.kekulization"),
        ("CC>>CO", "molecule.reaction"),
        ("CC>O>CO", "molecule.reaction"),
        ("*CC", "molecule.wildcard"),
        ("CC[R1]", "smiles.syntax"),
        ("C" * 1001, "molecule.too_large"),
        ("[H]" * 7000, "molecule.too_large"),
        ("C |bad", "smiles.syntax"),
    ],
)
def test_what_is_no_molecule_is_refused(smiles: str, code: str) -> None:
    with pytest.raises(Unusable) as refusal:
        describe(Structure(smiles))
    assert refusal.value.code == code


def test_a_dative_bond_is_no_reaction() -> None:
    assert describe(Structure("N->[Pt](<-N)(Cl)Cl"))["is_inorganic"]


@pytest.mark.parametrize(
    "smiles",
    [
        ASPIRIN,
        "[O+]1=N[N](C=C1[N-]C(NC2=CC=CC=C2)=O)C(CC3=CC=CC=C3)C",
        "[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1",
        "OC(=O)CN(CC(=O)[O-])CC(=O)[O-].[Na+].[Na+]",
        "C[S+]([O-])CC[n+]1ccccc1.[Br-]",
    ],
)
def test_a_parent_is_its_own_parent(smiles: str) -> None:
    first = describe(Structure(smiles))
    again = describe(Structure(first["smiles"]))
    same = ("molecule_id", "smiles", "scaffold_id", "morgan_fingerprint", "formula")
    assert {name: first[name] for name in same} == {name: again[name] for name in same}
    assert not again["was_neutralised"]

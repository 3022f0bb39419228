"""The table of molecules: one standardised structure per delivered record."""

import pyarrow as pa

from medplatform.lake import Column, Table


def _text(name: str, description: str, *, required: bool = False) -> Column:
    return Column(name=name, dtype=pa.string(), description=description, required=required)


def _flag(name: str, description: str) -> Column:
    return Column(name=name, dtype=pa.bool_(), description=description, required=True)


def _number(name: str, description: str, minimum: float | None = 0) -> Column:
    return Column(
        name=name, dtype=pa.int32(), description=description, required=True, minimum=minimum
    )


MOLECULE = Table(
    name="molecules_molecule",
    unit="molecule",
    description="One row per delivered record of a molecule, standardised.",
    columns=(
        _text(
            "molecule_id",
            "InChIKey (standard InChI) of the parent: equal for all salts and charge forms of a "
            "molecule, over files and deliveries.",
            required=True,
        ),
        _text(
            "connectivity_id",
            "First block of molecule_id: equal for all stereoisomers and isotopologues.",
            required=True,
        ),
        _text(
            "form_id",
            "InChIKey of the structure with its salts and charges, before the parent was made.",
            required=True,
        ),
        _text(
            "smiles",
            "Canonical isomeric SMILES of the parent, as RDKit writes it.",
            required=True,
        ),
        _text("delivered_smiles", "SMILES as delivered; null for records of SDF files."),
        _text("compound_name", "Id or name of the compound as delivered."),
        _text("delivered_split", "Part of a data set that the sender put the record into."),
        Column(
            name="duplicate_of",
            dtype=pa.int64(),
            minimum=1,
            description="Number of the first record of the file that is the same molecule, null "
            "for that one.",
        ),
        _text("formula", "Molecular formula of the parent (Hill order).", required=True),
        Column(
            name="molecular_weight",
            dtype=pa.float64(),
            required=True,
            unit="g/mol",
            minimum=1,
            description="Average molecular weight of the parent.",
        ),
        _number("heavy_atom_count", "Atoms of the parent other than hydrogen."),
        _number("formal_charge", "Charge of the parent that could not be neutralised.", None),
        _number("stereo_center_count", "Stereogenic atoms with a configuration."),
        _number("undefined_stereo_center_count", "Stereogenic atoms without a configuration."),
        _text(
            "scaffold_smiles",
            "Bemis-Murcko scaffold without configurations: rings and what links them; empty for "
            "a molecule without rings.",
            required=True,
        ),
        _text("scaffold_id", "Hash of scaffold_smiles.", required=True),
        _flag("was_salt_stripped", "Whether fragments beside the parent were removed."),
        Column(
            name="removed_fragments",
            dtype=pa.list_(pa.string()),
            required=True,
            description="SMILES of these fragments, sorted, each as often as it occurred.",
        ),
        _flag("was_neutralised", "Whether charges of the parent were removed."),
        _flag(
            "is_mixture",
            "Whether a removed fragment is none of the salts and solvents that RDKit lists, so "
            "that the parent may not be the substance that was measured.",
        ),
        _flag("is_inorganic", "Whether the parent has no carbon."),
        _flag("has_isotopes", "Whether an atom of the parent has a mass number."),
        _flag(
            "has_relative_stereo",
            "Whether configurations were delivered as relative or racemic (enhanced "
            "stereochemistry); smiles and molecule_id show them as absolute.",
        ),
        Column(
            name="morgan_fingerprint",
            dtype=pa.binary(),
            required=True,
            description="Morgan fingerprint of the parent, radius 2, 2,048 bits in 256 bytes; read "
            "with modalities.molecules.fingerprint.unpack.",
        ),
    ),
    key=("source_id", "record_number"),
)

"""Why a molecule is refused or remarked on: stable codes, each with its reason and remedy.

Reasons are fixed sentences, so no value of a record can reach them.
"""

REASONS: dict[str, str] = {
    "file.truncated": "The compressed file ends before its end; only whole records up to there "
    "were read. Transfer it again from the source and deliver it under a new name.",
    "file.corrupt": "The compressed file is damaged (a checksum does not fit), so none of it was "
    "read. Transfer it again from the source.",
    "file.line_too_long": "A line is longer than 256 MiB, so this is no file of molecules from "
    "there on. Export the file again.",
    "file.duplicate": "The delivery has another file of the same content, and that was read. "
    "Remove one.",
    "record.cut": "The file ends within this record. Transfer it again from the source.",
    "record.encoding": "The record is not UTF-8. Save the file as UTF-8.",
    "record.too_large": "The record is longer than 1 MiB, which no molecule of at most 999 atoms "
    "is. Check the file for a missing end of a record.",
    "table.no_smiles_column": "No column of the table is known to hold SMILES. Name it in "
    'delivery.json, e.g. {"smiles_column": "structure"}.',
    "table.several_smiles_columns": "Several columns of the table hold SMILES, of mixtures or of "
    "reactions with their solvents. Name the one to read in delivery.json, e.g. "
    '{"smiles_column": "solvent_smiles"}.',
    "table.no_declared_column": "The table lacks a column that delivery.json names. Correct "
    "smiles_column, id_column or assay_columns, which are written as in the first line.",
    "table.repeated_column": "An earlier column of the table has the name of this one, which was "
    "not read. Give each a name of its own.",
    "table.other_smiles_column": "The column may hold SMILES too, by its name, and was not read: "
    "another of the table was. To read this one, name it in delivery.json, e.g. "
    '{"smiles_column": "canonical_smiles"}.',
    "table.malformed": "The line has another number of cells than the first line names, or a "
    "quoted cell that does not end in it. Write one record per line.",
    "sdf.malformed": "The record is no molfile (V2000 or V3000): its counts, atoms or bonds cannot "
    "be read. Export it again.",
    "sdf.merged": "The record has the ends (M  END) of several molecules, so a line $$$$ is "
    "missing between them. Export them again.",
    "sdf.repeated_property": "An earlier property of the record has the name of this one, which "
    "was not read. Give each a name of its own.",
    "smiles.empty": "The record has no structure. Deliver it with one, or leave it out.",
    "smiles.syntax": "The text is no SMILES (OpenSMILES): it cannot be parsed. Export the "
    "structure again.",
    "molecule.reaction": "The record is a reaction, and only molecules are read. Deliver reactants "
    "and products as molecules.",
    "molecule.wildcard": "The structure has an atom that is none in particular (* or R, or a "
    "query), so it is a pattern and no molecule. Deliver complete structures.",
    "molecule.too_large": "The structure has more than 999 heavy atoms, or its SMILES more than "
    "20,000 characters; fingerprints and InChI are made for small molecules. Leave it out.",
    "molecule.valence": "An atom has more bonds than its valence allows, often because a charge "
    "was lost. Correct the structure at its source.",
    "molecule.kekulization": "The aromatic bonds cannot be written as single and double ones, "
    "often because the hydrogen of a [nH] was lost. Correct the structure at its source.",
    "molecule.chemistry": "The structure is not possible chemically. Correct it at its source.",
    "molecule.standardization": "RDKit cannot standardise the structure. Correct it at its source.",
    "molecule.no_inchi": "No standard InChI can be made of the structure, so nothing says which "
    "molecule it is. Correct it at its source.",
    "molecule.name_too_long": "The name is longer than 200 characters and is left empty.",
    "assay.text_too_long": "Texts of this column are longer than 64 characters, and the values "
    "that they are, or are the type or unit of, were left out: free text is no class. Leave the "
    "column out, or name those to read in assay_columns.",
    "assay.decimal_comma": "Values of this column have a comma between digits and were kept as "
    "text: only in tables separated by semicolons it is known to be decimal. Write a point, or "
    "separate the cells by semicolons.",
    "assay.text": "The column has numbers, and in this record its first text that is none; texts "
    "have no value_number. Correct them, or leave them empty where nothing was measured.",
    "assay.conflict": "An earlier record of the file gives the same molecule another value of the "
    "same assay. Both were kept: decide which counts before a model learns from them.",
}

"""What the columns of a table of molecules are: structure, id, split, assay values."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from medplatform.modalities.delimited import plain_name
from medplatform.modalities.molecules.values import unit_of
from medplatform.modalities.options import DeliveryOptions

SMILES_NAMES = (
    "isomeric_smiles",
    "isomericsmiles",
    "isosmiles",
    "smiles",
    "canonical_smiles",
    "canonicalsmiles",
    "standardized_smiles",
    "molecule_smiles",
    "compound_smiles",
    "ligand_smiles",
    "structure_smiles",
    "smi",
    "structure",
    "mol",
    "molecule",
)
"""Names of a column of structures, the first that occurs counts.

Isomeric SMILES go first: where PubChem has both, its canonical ones lack stereochemistry.
"""
ID_NAMES = (
    "molecule_chembl_id",
    "cmpd_chemblid",
    "chembl_id",
    "compound_id",
    "molecule_id",
    "mol_id",
    "cid",
    "pubchem_cid",
    "drugbank_id",
    "zinc_id",
    "id",
    "compound_name",
    "molecule_name",
    "compound",
    "name",
    "title",
    "iupac",
    "iupac_name",
    "inchikey",
    "inchi_key",
    "inchi",
    "cas",
    "cas_number",
    "cas_rn",
)
"""Names of a column of ids; the first that occurs counts, the others are no assay values."""
SPLIT_NAMES = ("split", "set", "subset", "fold")
MEASUREMENT = ("standard_type", "standard_relation", "standard_value", "standard_units")
"""Columns of a row that is one measurement, as ChEMBL exports them."""


class ColumnsError(ValueError):
    """A table cannot be read for its columns. `code` names the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Assay:
    """A column of values."""

    index: int
    name: str
    unit: str | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """The columns of a measurement per row: type, value, and where there are some the others."""

    type: int
    value: int
    relation: int | None
    unit: int | None


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row everything stands."""

    smiles: int
    name: int | None
    split: int | None
    assays: tuple[Assay, ...]
    measurement: Measurement | None = None
    repeated: tuple[int, ...] = ()
    """Numbers of columns that have the name of an earlier one and are not read."""
    other_smiles: tuple[int, ...] = ()
    """Numbers of columns that may hold SMILES too, by their names, and are not read."""


def find_columns(header: Sequence[str], options: DeliveryOptions) -> Columns:
    """The roles of the columns, by their names or as `delivery.json` declares them.

    Raises
    ------
    ColumnsError
        No column is known to hold SMILES, several may, or a declared one is absent.
    """
    names = [plain_name(column) for column in header]
    declared = _declared(header, options.smiles_column)
    smiles = _smiles(names) if declared is None else declared
    name = _declared(header, options.id_column)
    if name is None:
        name = _first(names, ID_NAMES, but=smiles)
    split = _first(names, SPLIT_NAMES)
    measurement = None
    if options.assay_columns:
        assays = [_declared(header, column) for column in options.assay_columns]
        chosen = [index for index in assays if index is not None]
    elif measurement := _measurement(names):
        chosen = []
    else:
        taken = {smiles, name, split}
        chosen = [i for i, plain in enumerate(names) if i not in taken and _is_assay(plain)]
    first = {column: index for index, column in reversed(list(enumerate(header)))}
    return Columns(
        smiles=smiles,
        name=name,
        split=split,
        assays=tuple(
            Assay(i, header[i], unit_of(header[i])) for i in chosen if first[header[i]] == i
        ),
        measurement=measurement,
        repeated=tuple(i + 1 for i in chosen if first[header[i]] != i),
        other_smiles=_others(names, {smiles, name, *chosen}) if declared is None else (),
    )


def is_smiles_name(column: str) -> bool:
    """Whether a column name says that it holds SMILES."""
    plain = plain_name(column)
    return plain in SMILES_NAMES or any(word.endswith("smiles") for word in plain.split("_"))


def _is_assay(plain: str) -> bool:
    return bool(plain) and plain not in ID_NAMES and not is_smiles_name(plain)


def _declared(header: Sequence[str], column: str | None) -> int | None:
    if column is None:
        return None
    if column not in header:
        raise ColumnsError("table.no_declared_column")
    return header.index(column)


def _smiles(names: list[str]) -> int:
    if (index := _first(names, SMILES_NAMES)) is not None:
        return index
    candidates = [index for index, name in enumerate(names) if is_smiles_name(name)]
    if not candidates:
        raise ColumnsError("table.no_smiles_column")
    if len(candidates) > 1:
        raise ColumnsError("table.several_smiles_columns")
    return candidates[0]


def _others(names: list[str], read: Collection[int | None]) -> tuple[int, ...]:
    """The numbers (from 1) of columns that may hold structures, but for those that are read."""
    columns = enumerate(names)
    return tuple(index + 1 for index, name in columns if is_smiles_name(name) and index not in read)


def _first(names: list[str], wanted: Sequence[str], but: int | None = None) -> int | None:
    found = (names.index(name) for name in wanted if name in names)
    return next((index for index in found if index != but), None)


def _measurement(names: list[str]) -> Measurement | None:
    kind, relation, value, unit = (_first(names, (name,)) for name in MEASUREMENT)
    if kind is None or value is None:
        return None
    return Measurement(kind, value, relation, unit)

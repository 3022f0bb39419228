"""What a file of a delivery is, by its name."""

from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What a file holds."""

    SMILES = "SMILES"
    TABLE = "table"
    SDF = "SDF"
    OTHER = "document beside molecules"


_SUFFIXES = {
    Kind.SMILES: (".smi", ".smiles", ".ism", ".can"),
    Kind.TABLE: (".csv", ".tsv", ".tab", ".txt"),
    Kind.SDF: (".sdf", ".sd", ".mol"),
}
_COMPRESSED = (".gz", ".bgz")


def kind_of(path: Path) -> Kind:
    """The kind of a file; compression does not matter."""
    name = path.name.lower()
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    for kind, suffixes in _SUFFIXES.items():
        if name.endswith(suffixes):
            return kind
    return Kind.OTHER

"""How an installation reads genomes: the reference sequences that it compares them with."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the settings of an installation say about genomes.

    Attributes
    ----------
    genomes
        Folder of reference sequences, one FASTA file per genome build; None where there is none.
    """

    genomes: Path | None = None

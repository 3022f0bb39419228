"""How an installation reads genomes: its reference sequences, processes, and texts it keeps."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the settings of an installation say about genomes.

    Attributes
    ----------
    genomes
        Folder of reference sequences, one FASTA file per genome build; None where there is none.
    text_keys
        INFO and FORMAT keys whose texts are kept beside those of public tools.
    workers
        Processes that read the files of one delivery.
    """

    genomes: Path | None = None
    text_keys: tuple[str, ...] = ()
    workers: int = 1

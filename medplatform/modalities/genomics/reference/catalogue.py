"""The reference sequences of an installation: one bgzip FASTA file per genome build.

`<build>.fa.gz` links to a file in a folder of its version, where its index is: so file and index
change at once. Files that were put there by hand, `<build>.fa` too, are read as they are.
"""

import gzip
import shutil
import zlib
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pysam

from medplatform.modalities.content import BGZF_END, GZIP_MAGIC
from medplatform.modalities.genomics.reference.build import LENGTHS, name_contig
from medplatform.modalities.genomics.reference.genome import Genome
from medplatform.modalities.modality import Progress, silent

COPY_BYTES = 4 << 20


class GenomeError(ValueError):
    """A reference sequence cannot be used; the message says why and what to do."""


class Genomes:
    """The reference sequences in a folder, opened when first asked for."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._open: dict[str, Genome] = {}

    def get(self, build: str | None) -> Genome | None:
        """The reference of a build, None where there is none."""
        if self._folder is None or build is None:
            return None
        if build not in self._open:
            path = find_genome(self._folder, build)
            if path is None:
                return None
            self._open[build] = Genome(path)
        return self._open[build]

    def close(self) -> None:
        """Close all that were opened."""
        for genome in self._open.values():
            genome.close()
        self._open.clear()


def find_genome(folder: Path, build: str) -> Path | None:
    """The FASTA file of a build in a folder, None where there is none."""
    names = (f"{build}.fa.gz", f"{build}.fa")
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        return None
    target = found.resolve()
    return target if target.is_relative_to(folder.resolve()) else found


def describe_genomes(folder: Path) -> list[dict[str, str | int]]:
    """One row per reference in the folder: its build, file, contigs and bases."""
    rows: list[dict[str, str | int]] = []
    for build in sorted(LENGTHS):
        if path := find_genome(folder, build):
            with closing(Genome(path)) as genome:
                lengths = genome.lengths.values()
            rows.append(
                {"build": build, "file": path.name, "contigs": len(lengths), "bases": sum(lengths)}
            )
    return rows


def add_genome(source: Path, build: str, folder: Path, progress: Progress = silent) -> Path:
    """Copy a FASTA file (plain, gzip or bgzip) into the folder, as bgzip with its index.

    It replaces the reference of the build at once, or not at all. The former one stays for those
    who read it, until a further one is added.

    Raises
    ------
    GenomeError
        It is no FASTA file, or its chromosomes do not have the lengths of the build.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".adding-", dir=folder) as scratch:
        version = folder / f".{build}-{uuid4().hex}"
        made = Path(scratch) / version.name
        made.mkdir()
        copy = made / f"{build}.fa.gz"
        _compress(source, copy, progress)
        _index(copy)
        _check(copy, build)
        made.replace(version)
        return _switch(folder / copy.name, version / copy.name, Path(scratch) / copy.name)


def _switch(link: Path, target: Path, scratch: Path) -> Path:
    """Let `link` lead to `target` from one moment to the next, and remove what is older."""
    former = link.resolve().parent
    scratch.symlink_to(target.relative_to(link.parent))
    scratch.replace(link)
    for suffix in (".fai", ".gzi"):  # of a file that stood in place of the link
        link.with_name(link.name + suffix).unlink(missing_ok=True)
    build = link.name.removesuffix(".fa.gz")
    for version in link.parent.glob(f".{build}-*/"):
        if version not in (target.parent, former):
            shutil.rmtree(version)
    return link


def _compress(source: Path, target: Path, progress: Progress) -> None:
    """Write a file as bgzip; what is bgzip already is copied as it is."""
    with source.open("rb") as raw:
        head = raw.read(16)
        raw.seek(0)
        is_bgzip = head[:4] == BGZF_END[:4] and head[12:16] == BGZF_END[12:16]
        content = gzip.GzipFile(fileobj=raw) if head[:2] == GZIP_MAGIC and not is_bgzip else raw
        with target.open("wb") if is_bgzip else pysam.BGZFile(str(target), "wb", None) as out:
            try:
                while chunk := content.read(COPY_BYTES):
                    out.write(chunk)
                    progress(source.name, raw.tell(), source.stat().st_size)
            except (gzip.BadGzipFile, EOFError, zlib.error):
                raise GenomeError(
                    f"{source} is damaged or ends before its end. Fetch it again."
                ) from None


def _index(path: Path) -> None:
    try:
        pysam.faidx(str(path))
    except pysam.SamtoolsError:
        raise GenomeError(
            "It is no FASTA file that can be indexed: each sequence needs a line >NAME, and lines "
            "of one length. Rewrite it with: seqkit seq -w 60 FILE"
        ) from None


def _check(path: Path, build: str) -> None:
    """Compare the chromosomes of a file with those of the build."""
    with closing(Genome(path)) as genome:
        known = LENGTHS[build]
        found = {name_contig(name, length): length for name, length in genome.lengths.items()}
    wrong = sorted(name for name in known.keys() & found if known[name] != found[name])
    if wrong:
        raise GenomeError(
            f"It is not {build}: {len(wrong)} chromosomes have another length, such as {wrong[0]} "
            f"({found[wrong[0]]} bases instead of {known[wrong[0]]}). Add it as the build it is."
        )
    if not known.keys() & found:
        raise GenomeError(
            f"It has none of the chromosomes 1-22, X and Y of {build}. Add the primary assembly."
        )

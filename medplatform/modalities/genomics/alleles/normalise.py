"""Normalisation by bcftools, as pysam brings it: alleles of a batch, and whole files.

`-c w` reports a reference allele that does not match and goes on; `-m -any` splits every record of
several alternate alleles, each value of INFO and FORMAT by its Number (A, R, G); `--keep-sum AD`
keeps the depth of the alleles that were split off, where the header declares it;
`--multi-overlaps .` leaves these missing instead of calling them reference. Duplicates are never
removed: `--rm-dup all` loses alternate alleles of what was split.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pysam
import pysam.bcftools

from medplatform.modalities.genomics.reference.genome import Genome

OUTPUTS = {".vcf": "-Ov", ".vcf.gz": "-Oz", ".vcf.bgz": "-Oz", ".bcf": "-Ob"}
"""Ending of a file's name -> what bcftools writes."""
SPLIT = ("-m", "-any", "--multi-overlaps", ".")
# A process of its own: a file that bcftools cannot bear ends that, and not the platform.
_CHILD = """
import sys, pysam, pysam.bcftools
with pysam.VariantFile(sys.argv[-1]) as source:
    has_depths = "AD" in source.header.formats or "AD" in source.header.info
keep = ("--keep-sum", "AD") if has_depths else ()
pysam.bcftools.norm(*keep, *sys.argv[1:], catch_stdout=False)
"""


class NormaliseError(RuntimeError):
    """A file cannot be normalised or written; the message says what to do, and quotes no record."""


def left_align(alleles: pl.DataFrame, genome: Genome) -> pl.DataFrame:
    """Shift alleles as far left as the reference allows.

    Parameters
    ----------
    alleles
        One allele per row: chromosome, position, reference_allele, alternate_allele, and sv_end of
        symbolic ones. All reference alleles are those of the reference, without ambiguity codes.
    genome
        The reference.

    Returns
    -------
    pl.DataFrame
        The same rows in the same order, moved.
    """
    names = {name: genome.contig(name) for name in alleles["chromosome"].unique()}
    sites = alleles.select(
        pl.col("chromosome").replace(names),
        "position",
        pl.int_range(pl.len()).alias("row"),
        "reference_allele",
        "alternate_allele",
        pl.lit(".").alias("quality"),
        pl.lit(".").alias("filter"),
        pl.when(pl.col("alternate_allele").str.starts_with("<"))
        .then(pl.format("END={};SVLEN={}", "sv_end", pl.col("sv_end") - pl.col("position")))
        .otherwise(pl.lit("."))
        .alias("info"),
    ).sort("chromosome", "position")
    header = [
        "##fileformat=VCFv4.3",
        *(f"##contig=<ID={name}>" for name in names.values()),
        '##INFO=<ID=END,Number=1,Type=Integer,Description="Last base">',
        '##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    body = sites.write_csv(separator="\t", include_header=False, quote_style="never")
    with TemporaryDirectory(prefix="alleles-") as folder:
        path = Path(folder) / "alleles.vcf"
        path.write_text("\n".join([*header, body]))
        text = pysam.bcftools.norm("-f", str(genome.path), "-c", "w", str(path))
    assert isinstance(text, str)
    return _moved(alleles, text)


def _moved(alleles: pl.DataFrame, text: str) -> pl.DataFrame:
    """The alleles where bcftools has put them."""
    places: list[tuple[int, str, str]] = [(0, "", "")] * len(alleles)
    for line in text.splitlines():
        if not line.startswith("#"):
            _, position, row, reference, alternate, _ = line.split("\t", 5)
            places[int(row)] = (int(position), reference, alternate)
    columns = ("position", "reference_allele", "alternate_allele")
    moved = pl.DataFrame(places, dict(alleles.select(columns).schema), orient="row")
    shift = moved["position"].cast(pl.Int64) - alleles["position"]
    return alleles.with_columns(
        moved["position"],
        moved["reference_allele"].str.to_uppercase(),
        pl.when(moved["alternate_allele"].str.starts_with("<"))
        .then(moved["alternate_allele"])
        .otherwise(moved["alternate_allele"].str.to_uppercase())
        .alias("alternate_allele"),
        (pl.col("sv_end") + shift).alias("sv_end"),
    )


def normalise_file(source: Path, target: Path, genome: Path | None) -> None:
    """Split and left-align a whole file.

    Parameters
    ----------
    source
        VCF or BCF, of any compression.
    target
        The file to write: .vcf as text, .vcf.gz or .vcf.bgz as bgzip, .bcf as BCF.
    genome
        FASTA of the build of the file; None to split only.

    Raises
    ------
    NormaliseError
        bcftools cannot read the file, the reference lacks one of its contigs, or the target has
        another ending or lies where nothing can be written.
    """
    output = _output_of(target)
    aligned = () if genome is None else ("-f", str(genome), "-c", "w")
    with _scratch_beside(target) as scratch:
        arguments = (*aligned, *SPLIT, "--no-version", output, "-o", str(scratch), str(source))
        # What bcftools says may quote records, paths and names of samples.
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if child.returncode or not scratch.exists():
            raise NormaliseError(
                "bcftools norm could not read the file: it is damaged or no VCF, or the reference "
                "sequence lacks one of its contigs. Check the file with: bcftools view FILE"
            )
        scratch.replace(target)


def _output_of(target: Path) -> str:
    """The option of bcftools for what the name of a file says that it is."""
    for ending, option in OUTPUTS.items():
        if target.name.lower().endswith(ending):
            return option
    raise NormaliseError(
        f"The name of the file to write ends in none of {', '.join(OUTPUTS)}. Give it the ending "
        "of what it shall be: text, bgzip or BCF."
    )


@contextmanager
def _scratch_beside(target: Path) -> Iterator[Path]:
    """Where to write what becomes the target when it is whole."""
    try:
        folder = TemporaryDirectory(prefix=".normalising-", dir=target.parent)
    except OSError as error:
        raise NormaliseError(
            f"Nothing can be written to {target.parent} ({error.strerror}). Make the folder, or "
            "make it writable, or name another."
        ) from None
    with folder as name:
        yield Path(name) / "normalised"

"""`medplatform genome`: reference sequences, and files normalised against them."""

from contextlib import closing
from pathlib import Path

import click

from medplatform.cli.terminal import installation_of_settings, print_table, progress_bars

BUILDS = ("GRCh37", "GRCh38", "NCBI36")


@click.group()
def genome() -> None:
    """Reference sequences of genome builds, which variants are checked and aligned against."""


@genome.command("add")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--build", type=click.Choice(BUILDS), required=True, help="The build that it is.")
def add(file: Path, build: str) -> None:
    """Keep FILE (FASTA; plain, gzip or bgzip) as the reference sequence of a genome build.

    From the next delivery on, records of that build whose REF does not match are refused, and
    alleles are left-aligned. It is copied, indexed, and its chromosomes compared with the build.
    """
    from medplatform.modalities.genomics.reference.build import OTHER_MITOCHONDRION
    from medplatform.modalities.genomics.reference.catalogue import add_genome
    from medplatform.modalities.genomics.reference.genome import Genome

    folder = installation_of_settings().genomes
    with progress_bars() as progress:
        path = add_genome(file, build, folder, progress)
    click.echo(f"{build} is in {path}.")
    with closing(Genome(path)) as added:
        if name := added.contig(OTHER_MITOCHONDRION):
            click.echo(
                f"Its {name} is {OTHER_MITOCHONDRION} (16,571 bases) and not MT (NC_012920): "
                "records of MT are not checked against it."
            )


@genome.command("list")
def list_references() -> None:
    """Show the reference sequences of this installation."""
    from medplatform.modalities.genomics.reference.catalogue import describe_genomes

    folder = installation_of_settings().genomes
    if rows := describe_genomes(folder):
        print_table("Reference sequences", rows)
    else:
        click.echo(f"There is none in {folder}. Add one: medplatform genome add FILE --build BUILD")


@genome.command("normalise")
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--build", type=click.Choice(BUILDS), help="Left-align against its reference; else only split."
)
def normalise(source: Path, target: Path, build: str | None) -> None:
    """Write SOURCE (VCF or BCF) to TARGET with one alternate allele per line.

    TARGET is text, bgzip or BCF, as its name says: .vcf, .vcf.gz or .bcf.

    Values are split as their Number says (A, R, G), and alleles left-aligned. The lake does not
    need this: it normalises what it reads. Annotators and other tools do.
    """
    from medplatform.modalities.genomics.alleles.normalise import normalise_file
    from medplatform.modalities.genomics.reference.catalogue import find_genome

    reference = None
    if build is not None:
        folder = installation_of_settings().genomes
        reference = find_genome(folder, build)
        if reference is None:
            raise click.ClickException(
                f"There is no {build} in {folder}: medplatform genome add FILE --build {build}"
            )
    normalise_file(source, target, reference)
    click.echo(f"Written to {target}.")

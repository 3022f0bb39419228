"""Where a chromosome's copies depend on sex: X and Y outside the pseudoautosomal regions.

Genome Reference Consortium: https://www.ncbi.nlm.nih.gov/grc/human (GRCh37 and GRCh38); UCSC hg18
for NCBI36. Where the build is not known, what is pseudoautosomal in any of them is left out of X
and Y.
"""

from enum import IntEnum

import polars as pl

PSEUDOAUTOSOMAL = {
    "GRCh37": {
        "X": ((60001, 2699520), (154931044, 155260560)),
        "Y": ((10001, 2649520), (59034050, 59363566)),
    },
    "GRCh38": {
        "X": ((10001, 2781479), (155701383, 156030895)),
        "Y": ((10001, 2781479), (56887903, 57217415)),
    },
    "NCBI36": {
        "X": ((1, 2709520), (154584238, 154913754)),
        "Y": ((1, 2709520), (57443438, 57772954)),
    },
}
"""First and last base of PAR1 and PAR2, from 1, per build and chromosome."""


class Region(IntEnum):
    """Parts of the genome with one number of copies per sex."""

    AUTOSOME = 0
    """Two copies: chromosomes 1 to 22 and the pseudoautosomal regions."""
    X = 1
    Y = 2
    OTHER = 3
    """The mitochondrion, and contigs that are no chromosome."""


def region(chromosome: pl.Expr, position: pl.Expr, build: pl.Expr) -> pl.Expr:
    """The region (UInt8) of a position."""
    is_sex = chromosome.is_in(["X", "Y"])
    is_autosome = chromosome.is_in([str(number) for number in range(1, 23)])
    return (
        pl.when(is_autosome | (is_sex & _is_pseudoautosomal(chromosome, position, build)))
        .then(int(Region.AUTOSOME))
        .when(chromosome == "X")
        .then(int(Region.X))
        .when(chromosome == "Y")
        .then(int(Region.Y))
        .otherwise(int(Region.OTHER))
        .cast(pl.UInt8)
    )


def _is_pseudoautosomal(chromosome: pl.Expr, position: pl.Expr, build: pl.Expr) -> pl.Expr:
    inside = [
        (build.is_null() | (build == name))
        & (chromosome == sex_chromosome)
        & position.is_between(first, last)
        for name, chromosomes in PSEUDOAUTOSOMAL.items()
        for sex_chromosome, regions in chromosomes.items()
        for first, last in regions
    ]
    return pl.any_horizontal(inside)

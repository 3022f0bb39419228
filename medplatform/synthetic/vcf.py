"""Write the genomics delivery (cohort VCF and crosswalk) and the scoring file of its panel."""

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, cast

import numpy as np

from medplatform.synthetic.draws import Draws
from medplatform.synthetic.panel import (
    CHROMOSOME_LENGTHS,
    GENOME_BUILD,
    Genotypes,
    Variant,
    draw_genotypes,
    panel,
    scored,
)
from medplatform.synthetic.people import Person

SCORE_NAME = "cvd_demo"
_CHUNK = 50_000  # samples per write: what bounds the memory of a line
_CALLS = np.array(["0/0", "0/1", "1/0", "1/1", "0|0", "0|1", "1|0", "1|1", "./."], dtype="S3")
_CALL_BYTES = 4


def write_cohort_vcf(
    path: Path,
    sample_ids: list[str],
    seed: int,
    first_patient: int,
    done: Callable[[int], None] = lambda _count: None,
) -> None:
    """Write the panel's genotypes of patients `first_patient` … as a gzipped VCF 4.3.

    `done` is called with the number of variants written. Memory: one variant of 50,000 samples.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=3, fileobj=raw, mtime=0) as stream,
    ):
        out = cast(IO[bytes], stream)
        out.write(header(sample_ids).encode())
        for number, variant in enumerate(panel(), 1):
            out.write(fixed_fields(variant).encode())
            for start in range(0, len(sample_ids), _CHUNK):
                count = min(_CHUNK, len(sample_ids) - start)
                draws = Draws(seed, first_patient + start, count)
                out.write(calls(draw_genotypes(variant, draws)))
            out.write(b"\n")
            done(number)


def header(sample_ids: Iterable[str]) -> str:
    """Meta-information lines and the column line."""
    contigs = [
        f"##contig=<ID=chr{name},length={length},assembly={GENOME_BUILD}>"
        for name, length in CHROMOSOME_LENGTHS.items()
    ]
    lines = [
        "##fileformat=VCFv4.3",
        f"##reference={GENOME_BUILD}",
        *contigs,
        '##FILTER=<ID=PASS,Description="All filters passed">',
        '##FILTER=<ID=LowQual,Description="Low quality">',
        '##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency in the population">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "\t".join(
            ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *sample_ids]
        ),
    ]
    return "\n".join(lines) + "\n"


def fixed_fields(variant: Variant) -> str:
    """The first nine columns of a variant's line."""
    return "\t".join(
        [
            f"chr{variant.chromosome}",
            str(variant.position),
            variant.rs_id,
            variant.reference,
            variant.alternate,
            f"{variant.quality:g}",
            "PASS" if variant.is_passed else "LowQual",
            f"AF={variant.frequency:g}",
            "GT",
        ]
    )


def calls(genotypes: Genotypes) -> bytes:
    """The sample columns of a variant's line, each with the tab before it."""
    numbers = (
        2 * genotypes.first_allele.astype(np.intp)
        + genotypes.second_allele
        + 4 * genotypes.is_phased
    )
    numbers[genotypes.is_missing] = len(_CALLS) - 1
    cells = np.empty(len(numbers), dtype=f"S{_CALL_BYTES}")
    cells[:] = np.char.add(b"\t", _CALLS)[numbers]
    return cells.tobytes()


def write_crosswalk(path: Path, people: Iterable[Person], identifier_system: str) -> None:
    """Write which sample belongs to which patient."""
    with path.open("w", newline="\n") as stream:
        stream.write("sample_id,patient_id,system\n")
        for person in people:
            stream.write(f"{person.sample_id},{person.mrn},{identifier_system}\n")


def write_scoring_file(path: Path) -> None:
    """Write the panel's weights in the format of the PGS Catalog, version 2."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        "###PGS CATALOG SCORING FILE - synthetic, stands for no real score",
        "#format_version=2.0",
        "##POLYGENIC SCORE (PGS) INFORMATION",
        "#pgs_id=PGS999999",
        f"#pgs_name={SCORE_NAME}",
        "#trait_reported=Cardiovascular event (synthetic)",
        f"#genome_build={GENOME_BUILD}",
        f"#variants_number={len(scored())}",
        "#weight_type=log odds ratio",
        "rsID\tchr_name\tchr_position\teffect_allele\tother_allele\teffect_weight",
    ]
    lines += [
        f"{v.rs_id}\t{v.chromosome}\t{v.position}\t{v.effect_allele}\t{v.other_allele}\t{v.weight}"
        for v in scored()
    ]
    path.write_text("\n".join(lines) + "\n", newline="\n")

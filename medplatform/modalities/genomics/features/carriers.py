"""Carriers: who has alleles that ClinVar calls pathogenic in the genes of a panel.

What was not looked at is not known to be the reference. An allele counts as assessed in a patient
where a record of it, or of its place, has a called genotype, or a reference block covers its REF.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, cast

import numpy as np
import polars as pl

from medplatform.lake import Lake
from medplatform.modalities.genomics.clinvar.claims import PATHOGENIC
from medplatform.modalities.genomics.features.coverage import LAST_POSITION, find_covered
from medplatform.modalities.genomics.features.genotyped import (
    ANOTHER,
    MATCH_COLUMNS,
    Call,
    Genotyped,
    scan_genotyped,
)
from medplatform.modalities.genomics.features.phase import PhaseSet
from medplatform.modalities.genomics.genotypes.packed import ABSENT
from medplatform.modalities.genomics.tables.allele import ALLELE

ZYGOSITIES = ("hom", "hemi", "compound_het", "possible_compound_het", "het", "unknown")
STATUSES = ("not_assessed", "none_found", "carrier", "possibly_fits", "fits")

SCHEMA = pl.Schema(
    {
        "patient_id": pl.String,
        "panel": pl.String,
        "gene_symbol": pl.String,
        "inheritance": pl.String,
        "is_assessed": pl.Boolean,
        "status": pl.String,
        "zygosity": pl.String,
        "pathogenic_alleles": pl.Int32,
        "likely_pathogenic_alleles": pl.Int32,
        "review_stars": pl.Int32,
        "listed_alleles": pl.Int32,
        "assessed_alleles": pl.Int32,
        "uncalled_alleles": pl.Int32,
        "allele_ids": pl.List(pl.String),
    }
)


Haplotype = tuple[str, str, str, PhaseSet, int]
"""Delivery, cohort, chromosome, phase set, and which of the two.

Those that differ in the last alone are different chromosomes of a pair; of others that differ,
nothing is known.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One listed allele in one patient.

    `haplotypes` are the places of the allele in the genotype, None where phase is not known.
    """

    number: int
    zygosity: str
    haplotypes: frozenset[Haplotype] | None


def compute_carriers(lake: Lake, clinvar: pl.LazyFrame, panels: pl.DataFrame) -> pl.DataFrame:
    """The status of every patient with genotypes in every gene of every panel.

    Parameters
    ----------
    clinvar
        Alleles as `clinvar.read_clinvar` gives them, of any builds.
    panels
        As `panel.read_panels` gives them.

    Returns
    -------
    One row per patient, panel and gene, as SCHEMA has it.
    """
    if panels.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    genotyped = Genotyped(lake)
    listed = _list_alleles(clinvar, panels)
    tally = _Tally(listed, genotyped)
    for call in genotyped.calls(_places(lake, listed), with_phases=True):
        tally.add(call)
    places = tally.alleles.with_columns(LAST_POSITION)
    tally.add_covered(find_covered(lake, places), genotyped)
    return _rows(panels, tally)


def _list_alleles(clinvar: pl.LazyFrame, panels: pl.DataFrame) -> pl.DataFrame:
    """The alleles that are looked for, numbered, once per gene of a panel that they are in."""
    genes = panels.select("gene_symbol").unique().lazy()
    return (
        clinvar.filter(pl.col("significance").is_in(PATHOGENIC))
        .select(
            *("allele_id", "genome_build", "chromosome", "position", "reference_allele"),
            *("significance", "review_stars"),
            pl.col("gene_symbols").alias("gene_symbol"),
        )
        .explode("gene_symbol")
        .join(genes, on="gene_symbol")
        .unique(["allele_id", "gene_symbol"])
        .sort("allele_id", "gene_symbol")
        .with_columns((pl.col("allele_id").rank("dense") - 1).cast(pl.Int64).alias("number"))
        .collect()
    )


def _places(lake: Lake, listed: pl.DataFrame) -> pl.DataFrame:
    """Records with genotypes of the listed alleles; else, in each cohort, of the same place."""
    wanted = listed.unique("number").lazy()
    records, record = scan_genotyped(lake), ["delivery", "cohort_id", "variant_id"]
    exact = (
        lake.scan(ALLELE)
        .with_columns(cohort_id="source_id", allele="allele_number")
        .select("allele_id", *record, "allele")
        .join(wanted.select("allele_id", "number"), on="allele_id")
        .join(records.select(record), on=record, how="semi")
        .select(MATCH_COLUMNS)
        .collect(engine="streaming")
    )
    place = ["genome_build", "chromosome", "position", "reference_allele"]
    same_place = (
        records.select(*place, *record)
        .join(wanted.select("number", *place), on=place)
        .select(*MATCH_COLUMNS[:4], pl.lit(ANOTHER, pl.Int32).alias("allele"))
        .collect(engine="streaming")
        .join(exact, on=["number", "delivery", "cohort_id"], how="anti")
    )
    return pl.concat([exact, same_place])


class _Tally:
    """What was seen of the listed alleles, per gene and patient."""

    def __init__(self, listed: pl.DataFrame, genotyped: Genotyped) -> None:
        self.alleles = listed.unique("number").sort("number")
        self._chromosomes: list[str] = self.alleles["chromosome"].to_list()
        self.genes: list[str] = listed["gene_symbol"].unique().sort().to_list()
        self.patients = genotyped.patients
        rows = {gene: row for row, gene in enumerate(self.genes)}
        self._genes: dict[int, list[int]] = {}
        self.listed, self.assessed, self.uncalled = np.zeros(
            (3, len(self.genes), len(self.patients)), np.int32
        )
        builds = {b: genotyped.patients_of(b) for b in listed["genome_build"].unique()}
        for number, gene, build in listed.select(
            "number", "gene_symbol", "genome_build"
        ).iter_rows():
            self._genes.setdefault(number, []).append(rows[gene])
            self.listed[rows[gene]] += builds[build]
        self.findings: dict[tuple[int, int], list[Finding]] = {}
        self._recorded: dict[int, list[np.ndarray]] = {}

    def add(self, call: Call) -> None:
        """Count the genotypes of one allele in one cohort."""
        is_assessed = call.is_called
        self._recorded.setdefault(call.number, []).append(call.patients)
        carried = [
            (int(call.patients[row]), self._finding(call, row))
            for row in np.flatnonzero(call.copies).tolist()
        ]
        for gene in self._genes[call.number]:
            self.assessed[gene, call.patients] += is_assessed
            self.uncalled[gene, call.patients] += ~is_assessed
            for patient, finding in carried:
                self.findings.setdefault((gene, patient), []).append(finding)

    def _finding(self, call: Call, row: int) -> Finding:
        if not call.is_whole[row]:
            return Finding(call.number, "unknown", None)
        copies = int(call.copies[row])
        if copies == (call.alleles[row] != ABSENT).sum():
            return Finding(call.number, "hemi" if copies == 1 else "hom", None)
        phase = call.phases.get(int(call.patients[row]))
        if phase is None:
            return Finding(call.number, "het", None)
        pair = (*call.cohort, self._chromosomes[call.number], phase.phase_set)
        return Finding(call.number, "het", frozenset((*pair, place) for place in phase.places))

    def add_covered(self, covered: pl.DataFrame, genotyped: Genotyped) -> None:
        """Count alleles that lie in reference blocks, in patients without a record of them."""
        for (number,), rows in covered.group_by("number"):
            patients = genotyped.numbers_of(rows["patient_id"])
            recorded = self._recorded.get(cast(int, number), [])
            others = patients[~np.isin(patients, np.concatenate([[-1], *recorded]))]
            for gene in self._genes[cast(int, number)]:
                self.assessed[gene, others] += 1


def zygosity(findings: Sequence[Finding]) -> str:
    """The zygosity of a gene: of the alleles together, the strongest of ZYGOSITIES.

    Two alleles of one gene are a compound where they are on different chromosomes; where the
    phase is not known, or not of one phase set of a file, that is possible only.
    """
    found = {finding.zygosity for finding in findings}
    pairs = list(combinations([f.haplotypes for f in findings if f.zygosity == "het"], 2))
    if any(a and b and _are_comparable(a, b) and a.isdisjoint(b) for a, b in pairs):
        found.add("compound_het")
    if any(not (a and b and _are_comparable(a, b)) for a, b in pairs):
        found.add("possible_compound_het")
    return next(name for name in ZYGOSITIES if name in found)


def _are_comparable(a: frozenset[Haplotype], b: frozenset[Haplotype]) -> bool:
    return {place[:-1] for place in a} == {place[:-1] for place in b}


def status(zygosity: str | None, inheritance: str | None, *, is_assessed: bool) -> str:
    """What the alleles mean for the way the gene's disease is inherited: one of STATUSES.

    `fits`: the genotype is one that the inheritance asks for. It is no diagnosis.
    """
    if zygosity is None:
        return "none_found" if is_assessed else "not_assessed"
    if inheritance == "AD":
        return "fits"
    if inheritance in ("AR", "XL") and zygosity in ("hom", "hemi", "compound_het"):
        return "fits"
    if inheritance in ("AR", "XL") and zygosity in ("possible_compound_het", "unknown"):
        return "possibly_fits"
    return "carrier"


def _rows(panels: pl.DataFrame, tally: _Tally) -> pl.DataFrame:
    """One row per patient and gene of a panel."""
    key = ["patient_id", "gene_symbol"]
    people = pl.DataFrame({"patient_id": tally.patients}, schema={"patient_id": pl.String})
    rows = (
        panels.join(people, how="cross")
        .join(_counts(tally), on=key, how="left")
        .join(_carried(tally), on=key, how="left")
        .with_columns(pl.col("listed_alleles", "assessed_alleles", "uncalled_alleles").fill_null(0))
        .with_columns(is_assessed=pl.col("assessed_alleles") > 0)
        .with_columns(
            pl.when("is_assessed").then(pl.col(f"{name}_alleles").fill_null(0)).name.keep()
            for name in PATHOGENIC
        )
    )
    case = ["zygosity", "inheritance", "is_assessed"]
    cases = rows.select(case).unique()
    states = [status(kind, mode, is_assessed=known) for kind, mode, known in cases.iter_rows()]
    cases = cases.with_columns(pl.Series("status", states, pl.String))
    return (
        rows.join(cases, on=case, nulls_equal=True)
        .select(SCHEMA.names())
        .cast(SCHEMA)
        .sort("panel", "gene_symbol", "patient_id")
    )


def _counts(tally: _Tally) -> pl.DataFrame:
    """How many alleles are listed, assessed and not called, per gene and patient."""
    return pl.DataFrame(
        {
            "patient_id": tally.patients * len(tally.genes),
            "gene_symbol": np.repeat(np.asarray(tally.genes, object), len(tally.patients)),
            "listed_alleles": tally.listed.ravel(),
            "assessed_alleles": tally.assessed.ravel(),
            "uncalled_alleles": tally.uncalled.ravel(),
        },
        schema_overrides={"patient_id": pl.String, "gene_symbol": pl.String},
    )


def _carried(tally: _Tally) -> pl.DataFrame:
    """What is carried, per gene and patient who carries anything."""
    alleles = tally.alleles.rows(named=True)
    rows: list[dict[str, Any]] = []
    for (gene, patient), findings in tally.findings.items():
        carried = [alleles[finding.number] for finding in findings]
        classes = [allele["significance"] for allele in carried]
        row: dict[str, Any] = {"patient_id": tally.patients[patient]}
        row["gene_symbol"] = tally.genes[gene]
        row |= {f"{name}_alleles": classes.count(name) for name in PATHOGENIC}
        row["zygosity"] = zygosity(findings)
        row["review_stars"] = max(allele["review_stars"] for allele in carried)
        row["allele_ids"] = sorted(allele["allele_id"] for allele in carried)
        rows.append(row)
    names = ["patient_id", "gene_symbol", "zygosity", "review_stars", "allele_ids"]
    names += [f"{name}_alleles" for name in PATHOGENIC]
    return pl.DataFrame(rows, schema={name: SCHEMA[name] for name in names})

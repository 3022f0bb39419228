"""Carriers: who has alleles that ClinVar calls pathogenic in the genes of a panel.

What was not looked at is not known to be the reference. An allele counts as assessed in a patient
where a record of it, or of its place, has a called genotype, or a reference block covers its REF.
"""

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
from medplatform.modalities.genomics.features.phase import Phase
from medplatform.modalities.genomics.features.zygosity import (
    Finding,
    Haplotype,
    status,
    zygosity,
)
from medplatform.modalities.genomics.genotypes.packed import ABSENT
from medplatform.modalities.genomics.tables.allele import ALLELE

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
    """The alleles that are looked for, numbered, once per gene of a panel that they are in.

    One that ClinVar has in several builds has one number, by its Variation ID; but where an ID
    stands for several alleles of a build, each has its own.
    """
    folded = pl.col("gene_symbol").str.to_lowercase().alias("folded")
    genes = panels.select("gene_symbol", folded).unique().lazy()
    return (
        clinvar.filter(pl.col("significance").is_in(PATHOGENIC))
        .select(
            *("allele_id", "genome_build", "chromosome", "position", "reference_allele"),
            *("alternate_allele", "variation_id", "significance", "review_stars"),
            pl.col("gene_symbols").alias("folded"),
        )
        .explode("folded")
        .with_columns(pl.col("folded").str.to_lowercase())
        .join(genes, on="folded")
        .drop("folded")
        .unique(["allele_id", "gene_symbol"])
        .sort("allele_id", "gene_symbol")
        .with_columns(alleles=pl.col("allele_id").n_unique().over("variation_id", "genome_build"))
        .with_columns(is_one=(pl.col("alleles").max() == 1).over("variation_id"))
        .with_columns(
            identity=pl.when("is_one").then("variation_id").fill_null(pl.col("allele_id"))
        )
        .with_columns((pl.col("identity").rank("dense") - 1).cast(pl.Int64).alias("number"))
        .drop("alleles", "is_one", "identity")
        .collect()
    )


def _places(lake: Lake, listed: pl.DataFrame) -> pl.DataFrame:
    """Records with genotypes of the listed alleles; else, in each cohort, of the same place."""
    wanted = listed.unique("allele_id").lazy()
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
        self.alleles = listed.unique("allele_id").sort("number", "genome_build")
        self._rows = {
            key: row for row, key in enumerate(self.alleles[["number", "genome_build"]].iter_rows())
        }
        self._chromosomes: list[str] = self.alleles["chromosome"].to_list()
        texts = self.alleles.select("position", "reference_allele", "alternate_allele")
        self._replaced = [_find_replaced(*row) for row in texts.iter_rows()]
        self._builds = genotyped.builds()
        self.genes: list[str] = listed["gene_symbol"].unique().sort().to_list()
        self.patients = genotyped.patients
        rows = {gene: row for row, gene in enumerate(self.genes)}
        self._genes: dict[int, list[int]] = {}
        self.listed, self.assessed, self.uncalled = np.zeros(
            (3, len(self.genes), len(self.patients)), np.int32
        )
        names = pl.col("genome_build").unique().sort()
        alleles = listed.group_by("number", "gene_symbol").agg(names)
        has_any = {
            tuple(builds): np.any([genotyped.patients_of(build) for build in builds], axis=0)
            for builds in alleles["genome_build"].unique()
        }
        for number, gene, builds in alleles.iter_rows():
            self._genes.setdefault(number, []).append(rows[gene])
            self.listed[rows[gene]] += has_any[tuple(builds)]
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
        allele = self._rows[call.number, self._builds[call.cohort]]
        copies = int(call.copies[row])
        is_whole = bool(call.is_whole[row])
        if is_whole and copies == (call.alleles[row] != ABSENT).sum():
            return Finding(allele, "hemi" if copies == 1 else "hom")
        chromosome = self._chromosomes[allele]
        phases = call.phases.get(int(call.patients[row]), frozenset())
        return Finding(
            allele,
            "het" if is_whole else "unknown",
            _haplotypes(call, chromosome, phases),
            self._replaced[allele],
            is_paired=chromosome != "MT",
        )

    def add_covered(self, covered: pl.DataFrame, genotyped: Genotyped) -> None:
        """Count alleles that lie in reference blocks, in patients without a record of them."""
        for (number,), rows in covered.group_by("number"):
            patients = genotyped.numbers_of(rows["patient_id"])
            recorded = self._recorded.get(cast(int, number), [])
            others = patients[~np.isin(patients, np.concatenate([[-1], *recorded]))]
            for gene in self._genes[cast(int, number)]:
                self.assessed[gene, others] += 1


def _find_replaced(position: int, reference: str, alternate: str) -> tuple[int, int]:
    """The bases that a normalised allele replaces, as `Finding.replaced`."""
    begin = position + (reference[0] == alternate[0])
    return begin, position + len(reference)


def _haplotypes(call: Call, chromosome: str, phases: frozenset[Phase]) -> frozenset[Haplotype]:
    delivery, cohort_id = call.cohort
    return frozenset(
        (delivery, cohort_id, chromosome, phase.phase_set, place)
        for phase in phases
        for place in phase.places
    )


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
        carried = [alleles[finding.allele] for finding in findings]
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

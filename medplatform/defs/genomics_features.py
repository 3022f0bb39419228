"""What genotypes mean as assets: ClinVar, gene burden, carriers, and each patient in one row."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
from pyarrow.types import is_list

from medplatform.defs import show
from medplatform.defs.ingest import lake_key
from medplatform.defs.references import usable_result, usable_spec
from medplatform.installation import Installation
from medplatform.lake import Phi
from medplatform.modalities import TABLES
from medplatform.warehouse.genomics_feature_tables import (
    CARRIER_STATUS,
    CLINVAR_ALLELE,
    FEATURE_TABLES,
    GENE_BURDEN,
    PATIENT_GENOMICS,
)
from medplatform.warehouse.genomics_features import (
    Features,
    References,
    find_patients_without_row,
    find_references,
    write_features,
)
from medplatform.warehouse.inputs import POLYGENIC_SCORE, MartInput

ONE_ROW = "every_patient_with_a_sample_has_one_row"
_SOURCES = [
    lake_key(TABLES[name])
    for name in (
        *("genomics_variant", "genomics_allele", "genomics_annotation"),
        *("genomics_genotype", "genomics_block", "genomics_sample", "ehr_patient"),
        "ehr_deletion",
    )
]
_DEPS = {
    CLINVAR_ALLELE: [],
    GENE_BURDEN: _SOURCES,
    CARRIER_STATUS: [*_SOURCES, dg.AssetKey(["marts", CLINVAR_ALLELE.name])],
    PATIENT_GENOMICS: [
        *(lake_key(TABLES[name]) for name in ("genomics_sample", "ehr_patient", "ehr_deletion")),
        *(
            dg.AssetKey(["marts", table.name])
            for table in (POLYGENIC_SCORE, GENE_BURDEN, CARRIER_STATUS)
        ),
    ],
}


def genomics_feature_assets() -> list[dg.AssetsDefinition]:
    """The four marts, computed in one step from the genotypes of the lake."""

    @dg.multi_asset(
        name="compute_genomic_features",
        specs=[_spec(table) for table in FEATURE_TABLES],
        check_specs=[
            dg.AssetCheckSpec(
                ONE_ROW,
                asset=_key(PATIENT_GENOMICS),
                description="Who joins features of genomes to patients relies on one row each: a "
                "patient who is missing would be taken for one without a sample.",
            ),
            *(usable_spec(_key(table)) for table in (CLINVAR_ALLELE, CARRIER_STATUS)),
        ],
        group_name="genomics",
        description="Counts rare damaging alleles per gene and pathogenic ones per gene of a "
        "panel, from the annotations of the lake, ClinVar and panels in the folder reference.",
    )
    def compute_genomic_features(
        installation: dg.ResourceParam[Installation],
    ) -> Iterator[dg.MaterializeResult]:
        settings = installation.settings
        references = find_references(settings.reference)
        features = write_features(installation.lake, references, settings.marts)
        checks = {
            CLINVAR_ALLELE.name: [_usable(CLINVAR_ALLELE, references.clinvar, features)],
            CARRIER_STATUS.name: [_usable(CARRIER_STATUS, references.panels, features)],
            PATIENT_GENOMICS.name: [_one_row(installation, features)],
        }
        for table in FEATURE_TABLES:
            yield dg.MaterializeResult(
                asset_key=_key(table),
                metadata=_metadata(features, references, table),
                check_results=checks.get(table.name, []),
            )

    return [compute_genomic_features]


def _key(table: MartInput) -> dg.AssetKey:
    return dg.AssetKey(["marts", table.name])


def _spec(table: MartInput) -> dg.AssetSpec:
    return dg.AssetSpec(
        _key(table),
        deps=_DEPS[table],
        description=f"{table.description} See docs/genomics-features.md.",
        kinds={"polars", "parquet"},
        tags={"modality": "genomics", "phi": "none" if table is CLINVAR_ALLELE else "genotype"},
        metadata={"dagster/column_schema": show.schema_of_columns(table.columns, table.key)},
    )


def _metadata(
    features: Features, references: References, table: MartInput
) -> dict[str, dg.MetadataValue]:
    rows = features.scan(table)
    harmless = [c.name for c in table.columns if c.phi is Phi.NONE and not is_list(c.dtype)]
    metadata = {
        "dagster/row_count": dg.MetadataValue.int(rows.select(pl.len()).collect().item()),
        "dagster/uri": dg.MetadataValue.path(str(features.path(table))),
    }
    if harmless:
        preview = rows.select(harmless).head(show.PREVIEW_ROWS).collect()
        metadata["preview"] = show.markdown(preview)
    return metadata | _of_table(rows, references, table)


def _of_table(
    rows: pl.LazyFrame, references: References, table: MartInput
) -> dict[str, dg.MetadataValue]:
    """What is worth knowing of one mart: numbers over all patients, and what is not there."""
    if table is CLINVAR_ALLELE:
        classes = rows.group_by("genome_build", "significance").len("alleles").collect()
        return {
            "classes": show.markdown(classes.sort("genome_build", "significance")),
            "references": _text(references.clinvar, "reference/clinvar holds no VCF file"),
        }
    if table is CARRIER_STATUS:
        statuses = rows.group_by("panel", "status").len("patients_and_genes").collect()
        return {
            "statuses": show.markdown(statuses.sort("panel", "status")),
            "references": _text(references.panels, "reference/panels holds no CSV file"),
        }
    return {}


def _text(found: tuple[Path, ...], absence: str) -> dg.MetadataValue:
    text = f"{len(found)} files" if found else f"{absence}, so the mart is empty."
    return dg.MetadataValue.text(text)


def _one_row(installation: Installation, features: Features) -> dg.AssetCheckResult:
    problems = find_patients_without_row(installation.lake, features)
    return dg.AssetCheckResult(
        asset_key=_key(PATIENT_GENOMICS),
        check_name=ONE_ROW,
        passed=problems == 0,
        description=f"{problems} patients have no row, or several." if problems else None,
        metadata={"value": problems, "threshold": 0},
    )


def _usable(table: MartInput, files: tuple[Path, ...], features: Features) -> dg.AssetCheckResult:
    reasons = [features.unusable[path] for path in files if path in features.unusable]
    return usable_result(_key(table), reasons)

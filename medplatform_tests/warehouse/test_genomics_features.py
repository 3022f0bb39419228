"""The marts of what genotypes mean: one row per patient, and empty where references are absent."""

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from medplatform.lake import Lake
from medplatform.warehouse.genomics_feature_tables import (
    CARRIER_STATUS,
    CLINVAR_ALLELE,
    FEATURE_TABLES,
    GENE_BURDEN,
    PATIENT_GENOMICS,
)
from medplatform.warehouse.genomics_features import (
    References,
    find_patients_without_row,
    find_references,
    write_features,
)
from medplatform_tests.warehouse.records import publish

CLINVAR = """\
##fileformat=VCFv4.1
##reference=GRCh38
##INFO=<ID=CLNDN,Number=.,Type=String,Description="">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO
1	100	11	A	G	.	.	CLNREVSTAT=practice_guideline;CLNSIG=Pathogenic;GENEINFO=AAA:1
"""
HETEROZYGOUS, REFERENCE, MISSING = 0x14, 0x12, 0x00


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """One variant in three patients: carried, not carried, not called; it is damaging, too."""
    place = {"chromosome": "1", "position": 100, "reference_allele": "A"}
    variant = {"variant_id": "GRCh38-1-100-A-G", "source_id": "calls"}
    samples = [
        {
            "sample_id": name,
            "patient_id": name,
            "cohort_id": "calls",
            "sample_index": index,
            "genome_build": "GRCh38",
            "call_rate": 0.5,
        }
        for index, name in enumerate(("ann", "bea", "cy"))
    ]
    publish(
        tmp_path,
        "d",
        {
            "genomics_sample": samples,
            "genomics_variant": [
                {
                    **variant,
                    **place,
                    "genome_build": "GRCh38",
                    "alternate_alleles": ["G"],
                    "called_count": 4,
                    "alternate_counts": [1],
                }
            ],
            "genomics_allele": [
                {
                    **variant,
                    **place,
                    "allele_id": "GRCh38-1-100-A-G",
                    "allele_number": 1,
                    "alternate_allele": "G",
                    "allele_type": "snv",
                }
            ],
            "genomics_annotation": [
                {
                    **variant,
                    "source": "CSQ",
                    "annotation_number": 1,
                    "allele_number": 1,
                    "impact": "HIGH",
                    "gene_symbol": "AAA",
                }
            ],
            "genomics_genotype": [
                {
                    **variant,
                    "cohort_id": "calls",
                    "genotypes": bytes([HETEROZYGOUS, REFERENCE, MISSING]),
                    "sample_count": 3,
                }
            ],
        },
    )
    return Lake(tmp_path)


@pytest.fixture
def references(tmp_path: Path) -> References:
    for name, text in (("clinvar/c.vcf", CLINVAR), ("panels/heart.csv", "gene,moi\nAAA,AD\n")):
        path = tmp_path / "reference" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return find_references(tmp_path / "reference")


def test_one_row_per_patient(lake: Lake, references: References, tmp_path: Path) -> None:
    features = write_features(lake, references, tmp_path / "marts")
    assert features.rows == {
        "clinvar_allele": 1,
        "gene_burden": 3,
        "carrier_status": 3,
        "patient_genomics": 3,
    }
    rows = {row["patient_id"]: row for row in features.scan(PATIENT_GENOMICS).collect().to_dicts()}
    assert [rows[name]["has_finding"] for name in ("ann", "bea", "cy")] == [True, False, None]
    assert [rows[name]["qualifying_alleles"] for name in ("ann", "bea", "cy")] == [1, 0, 0]
    assert rows["ann"]["genome_builds"] == ["GRCh38"]
    assert (rows["cy"]["panel_genes"], rows["cy"]["assessed_panel_genes"]) == (1, 0)
    assert find_patients_without_row(lake, features) == 0


def test_files_have_the_declared_columns_with_and_without_references(
    lake: Lake, references: References, tmp_path: Path
) -> None:
    for known in (references, References()):
        features = write_features(lake, known, tmp_path / "marts")
        for table in FEATURE_TABLES:
            found = pl.scan_parquet(features.path(table)).collect_schema()
            expected = pl.from_arrow(table.schema().empty_table())
            assert isinstance(expected, pl.DataFrame)
            assert found == expected.schema
            keys = features.scan(table).select(table.key).collect()
            assert keys.is_unique().all()
    assert features.rows["carrier_status"] == features.rows["clinvar_allele"] == 0
    assert features.scan(PATIENT_GENOMICS).collect()["has_finding"].null_count() == 3


def test_an_empty_lake_has_empty_marts(tmp_path: Path) -> None:
    features = write_features(Lake(tmp_path / "lake"), References(), tmp_path / "marts")
    assert set(features.rows.values()) == {0}


def test_clinvar_is_read_again_only_where_its_files_changed(
    lake: Lake, references: References, tmp_path: Path
) -> None:
    marts = tmp_path / "marts"
    features = write_features(lake, references, marts)
    first = features.path(CLINVAR_ALLELE).stat().st_ino
    write_features(lake, references, marts)
    assert features.path(CLINVAR_ALLELE).stat().st_ino == first
    references.clinvar[0].write_text(CLINVAR.replace("Pathogenic", "Benign"))
    write_features(lake, references, marts)
    assert features.path(CLINVAR_ALLELE).stat().st_ino != first
    assert set(features.scan(CARRIER_STATUS).collect()["status"]) == {"not_assessed"}


def test_a_deleted_patient_has_no_row(lake: Lake, references: References, tmp_path: Path) -> None:
    publish(tmp_path, "e", {"ehr_deletion": [{"resource_type": "Patient", "resource_id": "ann"}]})
    features = write_features(lake, references, tmp_path / "marts")
    for table in (GENE_BURDEN, CARRIER_STATUS, PATIENT_GENOMICS):
        assert set(features.scan(table).collect()["patient_id"]) == {"bea", "cy"}
    assert find_patients_without_row(lake, features) == 0


def test_a_patient_without_a_row_is_found(
    lake: Lake, references: References, tmp_path: Path
) -> None:
    features = write_features(lake, references, tmp_path / "marts")
    path = features.path(PATIENT_GENOMICS)
    pq.write_table(pq.read_table(path).slice(1), path)
    assert find_patients_without_row(lake, features) == 1

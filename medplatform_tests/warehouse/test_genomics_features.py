"""The marts of what genotypes mean: one row per patient, and empty where references are absent."""

from pathlib import Path

import dagster as dg
import polars as pl
import pyarrow.parquet as pq
import pytest

from medplatform.defs.genomics_features import genomics_feature_assets
from medplatform.defs.references import ALL_USABLE
from medplatform.defs.warehouse import warehouse_assets
from medplatform.installation import Installation
from medplatform.lake import Lake
from medplatform.settings import Settings
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
from medplatform.warehouse.inputs import POLYGENIC_SCORE, write_input
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


def test_a_score_of_which_no_variant_was_found_is_not_counted(lake: Lake, tmp_path: Path) -> None:
    marts = tmp_path / "marts"
    rows = [("ann", "a", 0.5, 1, 2), ("ann", "b", None, 0, 4), ("bea", "b", None, 0, 4)]
    names = ["patient_id", "score_name", "score", "matched_variants", "listed_variants"]
    write_input(POLYGENIC_SCORE, pl.DataFrame(rows, names, orient="row"), marts)
    found = write_features(lake, References(), marts).scan(PATIENT_GENOMICS).collect()
    columns = ["patient_id", "scores", "lowest_matched_share"]
    assert found.select(columns).rows() == [("ann", 1, 0.0), ("bea", 0, 0.0), ("cy", 0, None)]


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


def test_what_ncbi_publishes_beside_a_file_is_none(references: References, tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    for name in ("c.vcf.gz", "c.vcf.gz.tbi", "c.vcf.gz.md5", "c.vcf.gz.csi", "c.vcf_papu.txt"):
        (folder / "clinvar" / name).touch()
    found = find_references(folder)
    assert [path.name for path in found.clinvar] == ["c.vcf", "c.vcf.gz"]
    assert found.panels == references.panels


@pytest.fixture
def unusable(tmp_path: Path, references: References) -> list[Path]:
    """Three files that cannot be used, beside those that can: one older, two newer by name."""
    folder = tmp_path / "reference"
    contents = {
        "clinvar/a.vcf": "##fileformat=VCFv4.1\n",
        "clinvar/d.vcf.gz": "no VCF",
        "panels/onco.csv": "gene,moi\nAAA,AD\nAAA,AR\n",
    }
    for name, text in contents.items():
        (folder / name).write_text(text)
    return [folder / name for name in contents]


def test_files_that_cannot_be_used_are_all_told_and_stop_nothing_else(
    lake: Lake, references: References, unusable: list[Path], tmp_path: Path
) -> None:
    good = write_features(lake, references, tmp_path / "good")
    found = find_references(tmp_path / "reference")
    features = write_features(lake, found, tmp_path / "marts")
    assert sorted(features.unusable) == unusable
    assert all(str(path) in reason for path, reason in features.unusable.items())
    # Told each time, not only where ClinVar is read because its files changed.
    assert write_features(lake, found, tmp_path / "marts").unusable == features.unusable
    for table in FEATURE_TABLES:
        assert features.scan(table).collect().equals(good.scan(table).collect())
    assert not good.unusable


def test_a_file_that_was_mended_is_told_no_more(
    lake: Lake, unusable: list[Path], tmp_path: Path
) -> None:
    found = find_references(tmp_path / "reference")
    write_features(lake, found, tmp_path / "marts")
    old, newer, panel = unusable
    old.write_text(CLINVAR.replace("\t100\t", "\t200\t"))
    newer.write_text(CLINVAR.replace("\t100\t", "\t300\t"))
    panel.write_text("gene\nBBB\n")
    features = write_features(lake, found, tmp_path / "marts")
    assert not features.unusable
    assert sorted(features.scan(CLINVAR_ALLELE).collect()["position"]) == [100, 200, 300]
    assert set(features.scan(CARRIER_STATUS).collect()["panel"]) == {"heart", "onco"}


def test_dagster_tells_the_same_of_the_asset_that_lacks_a_file(
    lake: Lake, unusable: list[Path], tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path)
    installation = Installation(settings)
    installation.lake = lake
    done = dg.materialize(genomics_feature_assets(), resources={"installation": installation})
    checks = {
        check.asset_key.path[-1]: check
        for check in done.get_asset_check_evaluations()
        if check.check_name == ALL_USABLE
    }
    reasons = write_features(lake, find_references(settings.reference), tmp_path / "m").unusable
    clinvar, carriers = checks["clinvar_allele"], checks["carrier_status"]
    assert not clinvar.passed and not carriers.passed
    assert clinvar.description == "\n".join(reasons[path] for path in unusable[:2])
    assert carriers.description == reasons[unusable[2]]


def test_dagster_computes_the_other_scores_where_a_file_cannot_be_used(
    lake: Lake, tmp_path: Path
) -> None:
    installation = Installation(Settings(data=tmp_path))
    installation.lake = lake
    folder = installation.settings.reference / "pgs"
    folder.mkdir(parents=True)
    columns = "chr_name\tchr_position\teffect_allele\tother_allele\teffect_weight"
    (folder / "good.txt").write_text(f"#genome_build=GRCh38\n{columns}\n1\t100\tG\tA\t1\n")
    (folder / "part.txt").write_text(
        f"#genome_build=GRCh38\n#variants_number=2\n{columns}\n1\t100\tG\tA\t1\n"
    )
    (folder / "bad.txt").write_text("no scoring file\n")
    (folder / "good.txt.gz.md5").write_text("0  good.txt.gz\n")
    key = dg.AssetKey(["marts", POLYGENIC_SCORE.name])
    (score,) = (each for each in warehouse_assets() if key in each.keys)
    done = dg.materialize([score], resources={"installation": installation})
    (check,) = done.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == (ALL_USABLE, False)
    bad, part = (check.description or "").splitlines()
    assert "bad.txt" in bad
    assert part.startswith("part lists 1 of the 2 variants")
    scores = pl.read_parquet(installation.settings.marts / f"{POLYGENIC_SCORE.name}.parquet")
    assert set(scores["score_name"]) == {"good", "part"}


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

"""How many patients of images and genotypes have health records, from the models of the warehouse.

Ids of images and of a crosswalk are taken at their word: where they are of another identifier
system than the Patients are named by, every record is accepted and no patient has both.
"""

from contextlib import closing
from pathlib import Path

_MODELS = {"images": "stg_imaging_instance", "genotypes": "stg_genomics_sample"}


def find_linkage(root: Path) -> list[dict[str, str | int]]:
    """One row per modality that has patients; none where there are no health records.

    Parameters
    ----------
    root
        Folder of the warehouse, `<data>/dbt`, after a build.
    """
    import duckdb

    from medplatform.warehouse.runner import database

    with closing(duckdb.connect(str(database(root)), read_only=True)) as warehouse:
        if not warehouse.execute("select 1 from staging.stg_ehr_patient limit 1").fetchall():
            return []
        counts = {
            name: warehouse.execute(
                f"select count(*), count(patient.patient_id) "
                f"from (select distinct patient_id from staging.{model}) as known "
                f"left join (select distinct patient_id from staging.stg_ehr_patient) as patient "
                f"using (patient_id) where known.patient_id is not null"
            ).fetchall()[0]
            for name, model in _MODELS.items()
        }
    return [
        {"patients of": name, "patients": patients, "with health records": linked}
        for name, (patients, linked) in counts.items()
        if patients
    ]

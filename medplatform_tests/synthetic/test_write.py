"""Whole cohorts: reproducible, extensible, streamed, and never overwriting a delivery."""

import json
import subprocess
import sys
import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest

from medplatform.synthetic import DeliveryExists, cohort, compute_ceilings, write_cohort
from medplatform_tests.synthetic.conftest import IMAGED, PATIENTS, SEED, SYSTEM, Written
from medplatform_tests.synthetic.test_fhir import read_export


def write(root: Path, **changes) -> Path:
    arguments = {
        "delivery": "first",
        "patients": PATIENTS,
        "imaging_patients": IMAGED,
        "seed": SEED,
        "identifier_system": SYSTEM,
    }
    write_cohort(root / "landing", root / "reference", **arguments | changes)
    return root


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_equal_seeds_give_equal_bytes(written: Written, tmp_path: Path) -> None:
    again = digests(write(tmp_path))
    assert again == digests(written.landing.parent)
    assert len(again) > 20


def test_another_seed_gives_other_patients_but_the_same_reference(
    written: Written, tmp_path: Path
) -> None:
    other = write(tmp_path, seed=SEED + 1, patients=5, imaging_patients=0)
    assert digests(other / "reference") == digests(written.reference)
    numbers = [
        {patient["identifier"][0]["value"] for patient in read_export(folder)["Patient"]}
        for folder in (other / "landing/ehr/first", written.delivery("ehr"))
    ]
    assert not numbers[0] & numbers[1]


def test_a_cohort_is_extended_by_a_higher_first_patient(written: Written, tmp_path: Path) -> None:
    write(tmp_path, delivery="a", patients=20, imaging_patients=2)
    write(tmp_path, delivery="b", patients=40, imaging_patients=0, first_patient=20)
    parts = [read_export(tmp_path / "landing" / "ehr" / name) for name in "ab"]
    whole = read_export(written.delivery("ehr"))
    for kind, resources in whole.items():
        assert resources == parts[0].get(kind, []) + parts[1].get(kind, [])
    images = digests(written.delivery("imaging"))
    assert digests(tmp_path / "landing/imaging/a").items() <= images.items()


def test_deliveries_are_closed_and_complete(written: Written) -> None:
    for modality in ("ehr", "imaging", "genomics"):
        assert [path.name for path in (written.landing / modality).iterdir()] == ["first"]
        assert (written.delivery(modality) / "_DONE").exists()


def test_no_images_means_no_imaging_delivery(tmp_path: Path) -> None:
    write(tmp_path, patients=2, imaging_patients=0)
    assert not (tmp_path / "landing" / "imaging").exists()


def test_a_delivery_is_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path, patients=2, imaging_patients=0)
    before = digests(tmp_path)
    with pytest.raises(DeliveryExists, match="Give another name"):
        write(tmp_path, patients=3, imaging_patients=0)
    assert digests(tmp_path) == before


def test_what_an_interrupted_run_left_does_not_get_in(tmp_path: Path) -> None:
    draft = tmp_path / "landing" / "ehr" / ".first.draft"
    draft.mkdir(parents=True)
    (draft / "Patient.ndjson").write_text("half a li")
    write(tmp_path, patients=2, imaging_patients=0)
    assert len(read_export(tmp_path / "landing/ehr/first")["Patient"]) == 2
    assert not draft.exists()


@pytest.mark.parametrize(("patients", "imaged"), [(0, 0), (2, 3), (2, -1)])
def test_impossible_sizes_are_refused(tmp_path: Path, patients: int, imaged: int) -> None:
    with pytest.raises(ValueError, match="at least one patient"):
        write(tmp_path, patients=patients, imaging_patients=imaged)
    assert not any(tmp_path.iterdir())


def test_ceilings_are_written_with_an_explanation(written: Written) -> None:
    content = json.loads((written.reference / "ceilings.json").read_text())
    assert content["ehr_risk"]["auroc"] == round(written.ceilings.auroc, 4)
    assert content["lesion_segmentation"]["dice"] == round(written.ceilings.dice, 4)
    assert all(entry["explanation"].endswith(".") for entry in content.values())


def test_progress_is_told(tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    write(tmp_path, patients=200, imaging_patients=1, progress=lambda *call: calls.append(call))
    assert {("patients", 200, 200), ("variants", 300, 300), ("studies", 1, 1)} <= set(calls)


def test_memory_does_not_grow_with_the_cohort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohort, "BATCH", 10)
    compute_ceilings()  # once per process, and of the same size for every cohort
    peaks = []
    for patients in (30, 120):
        tracemalloc.start()
        write(tmp_path, delivery=f"of-{patients}", patients=patients, imaging_patients=0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_the_package_is_light_to_import() -> None:
    heavy = {"pydicom", "highdicom", "torch", "fhir", "pandas", "polars", "pyarrow", "scipy"}
    code = f"import sys, medplatform.synthetic; print({heavy} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"

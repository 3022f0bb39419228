"""The declarations, and that importing them stays light."""

import subprocess
import sys

from medplatform.modalities.ehr import EHR
from medplatform.modalities.ehr.issue import REASONS


def test_every_table_and_column_has_a_sentence() -> None:
    for table in EHR.tables:
        assert table.description.startswith("One row per ")
        for column in table.columns:
            assert column.description.rstrip().endswith(".") or column.values, column.name


def test_keys_are_never_null() -> None:
    for table in EHR.tables:
        assert all(table.column(name).required for name in table.key), table.name


def test_dates_and_ids_carry_their_phi_class() -> None:
    for table in EHR.tables:
        for column in table.columns:
            if column.name.endswith("_at"):
                assert column.phi == "shifted date", column.name
            if column.name.endswith("_id") and column.name != "version_id":
                assert column.phi == "pseudonym", column.name


def test_every_reason_is_a_sentence_with_a_remedy() -> None:
    for code, reason in REASONS.items():
        assert "." in code
        assert reason.count(". ") >= 1 or ", so " in reason, code
        assert reason.endswith("."), code


def test_importing_the_modality_does_not_load_the_validator() -> None:
    script = "import sys, medplatform.modalities.ehr; print('fhir' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"

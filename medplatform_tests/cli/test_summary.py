"""The summary says of every table what was accepted and what was refused; the sums agree."""

import json
from pathlib import Path

from medplatform.cli.summary import delivery_rows, table_rows
from medplatform.installation import Installation
from medplatform.privacy import KeyRing
from medplatform_tests.cli.conftest import Terminal
from medplatform_tests.cli.test_data import patient


def write_export(folder: Path) -> Path:
    """Two good patients, one of a bad code, an encounter without its patient, and no resource."""
    folder.mkdir()
    encounter = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/unknown"},
    }
    lines = [patient("1", "female"), patient("2", "male"), patient("3", "no-such-code")]
    lines += [json.dumps(encounter), json.dumps({"no": "resource"})]
    (folder / "export.ndjson").write_text("".join(f"{line}\n" for line in lines))
    return folder


def test_refused_records_are_shown_with_the_table_they_were_meant_for(
    terminal: Terminal, tmp_path: Path
) -> None:
    KeyRing.create(terminal.settings.master_key)
    assert terminal.run("ingest", "ehr", write_export(tmp_path / "export")).exit_code == 3
    installation = Installation(terminal.settings)

    rows = {
        row["table"]: (row["rows"], row["records quarantined"]) for row in table_rows(installation)
    }

    assert rows["lake/ehr_patient"] == (2, 1)
    assert rows["lake/ehr_encounter"] == (0, 1)
    assert rows["ehr, a resource of no known table"] == (None, 1)
    refused = sum(refused or 0 for _, refused in rows.values())
    assert refused == sum(row["quarantined"] for row in delivery_rows(installation)) == 3

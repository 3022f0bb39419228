"""Policies that are shown and converted can be used."""

import json
from pathlib import Path

from medplatform.modalities.ehr.deidentify import SHIFTED_SAFE_HARBOR, Policy
from medplatform_tests.cli.conftest import Terminal


def test_the_policy_in_force_is_shown_as_it_is_read(terminal: Terminal, tmp_path: Path) -> None:
    shown = terminal.run("policy", "show")
    assert shown.exit_code == 0
    path = tmp_path / "policy.yaml"
    path.write_text(shown.output)
    assert Policy.load(path) == SHIFTED_SAFE_HARBOR


def test_a_configuration_of_another_tool_becomes_a_policy(
    terminal: Terminal, tmp_path: Path
) -> None:
    rules = [
        {"path": "Patient.name", "method": "redact"},
        {"path": "Resource", "method": "keep"},
    ]
    source = tmp_path / "configuration.json"
    source.write_text(json.dumps({"fhirVersion": "R4", "fhirPathRules": rules, "parameters": {}}))
    imported = terminal.run("policy", "import", source)
    assert imported.exit_code == 0
    path = tmp_path / "policy.yaml"
    path.write_text(imported.stdout)
    assert "Patient.name" in {rule.select for rule in Policy.load(path).rules}


def test_what_cannot_be_expressed_is_an_error_that_names_the_rule(
    terminal: Terminal, tmp_path: Path
) -> None:
    source = tmp_path / "configuration.json"
    rules = [{"path": "Patient.name", "method": "no-such-method"}]
    source.write_text(json.dumps({"fhirVersion": "R4", "fhirPathRules": rules}))
    imported = terminal.run("policy", "import", source)
    assert imported.exit_code != 0
    assert "Patient.name" in str(imported.exception)

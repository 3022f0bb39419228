"""The project's own files agree with each other: settings, documentation, lock, make targets."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from medplatform.settings import Settings

ROOT = Path(__file__).parents[1]
VARIABLES = {f"MEDPLATFORM_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def lock() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


@pytest.fixture(scope="module")
def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_setting_has_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_readme_lists_every_setting_and_no_other() -> None:
    text = (ROOT / "README.md").read_text()
    assert set(re.findall(r"^\| `(MEDPLATFORM_\w+)` \|", text, re.MULTILINE)) == VARIABLES


def test_env_example_lists_every_setting_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^#?(MEDPLATFORM_\w+)=", text, re.MULTILINE)) == VARIABLES


def test_env_example_changes_nothing_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    example = Settings(_env_file=ROOT / ".env.example")  # pyright: ignore[reportCallIssue]
    assert example == Settings(_env_file=None)  # pyright: ignore[reportCallIssue]
    assert not example.model_fields_set


def test_every_line_of_env_example_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    text = (ROOT / ".env.example").read_text()
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^#(?=MEDPLATFORM_)", "", text, flags=re.MULTILINE))
    settings = Settings(_env_file=file)  # pyright: ignore[reportCallIssue]
    assert settings.model_fields_set == set(Settings.model_fields)


def test_the_lock_pins_exact_versions_without_build_labels(lock: dict[str, str]) -> None:
    assert len(lock) > 100
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in lock.values())


def test_the_lock_satisfies_every_requirement(pyproject: dict, lock: dict[str, str]) -> None:
    project = pyproject["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    for requirement in map(Requirement, [*project["dependencies"], *extras]):
        version = lock[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_make_installs_the_torch_of_the_lock(lock: dict[str, str]) -> None:
    assert f"TORCH := torch=={lock['torch']}" in (ROOT / "Makefile").read_text().splitlines()


def test_make_installs_torch_before_anything_that_depends_on_it(tmp_path: Path) -> None:
    plan = make("--dry-run", "demo", f"VENV={tmp_path / 'venv'}").stdout
    steps = [
        plan.index(step) for step in ("-m venv", "torch==", "--editable .", "medplatform demo")
    ]
    assert steps == sorted(steps)


def test_make_names_the_remedy_for_an_unsuitable_python(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2"\n[ "$1" != -c ]\n')
    python.chmod(0o755)
    result = make("demo", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert result.returncode != 0
    assert "needs Python 3.11 or 3.12" in result.stdout
    assert "Python 3.9.2" in result.stdout
    assert "make demo PYTHON=" in result.stdout


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_documents_name_make_targets_that_exist(document: str, targets: set[str]) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / document).read_text(), re.MULTILINE))
    assert named
    assert named <= targets


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_documents_name_files_that_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    linked = set(re.findall(r"\]\(((?!http)[^)#]+)\)", text))
    quoted = set(re.findall(r"`((?:medplatform|medplatform_tests|dbt|docs)/[\w./-]*)`", text))
    missing = [name for name in linked | quoted if not (ROOT / name).exists()]
    assert not missing


def test_continuous_integration_runs_what_a_developer_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = [line for line in script.read_text().splitlines() if line.startswith("make ")]
    assert commands == ["make system-packages", "make test"]


def test_the_licence_is_the_one_that_is_declared(pyproject: dict) -> None:
    assert pyproject["project"]["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n" in text
    assert "Version 2.0, January 2004" in text


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )

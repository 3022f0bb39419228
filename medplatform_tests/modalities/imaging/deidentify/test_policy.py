"""The policy of an installation: read, written down, and told from others by its digest."""

import subprocess
import sys
from pathlib import Path

import pytest

from medplatform.modalities.imaging.deidentify import PLATFORM_POLICY, Policy, PolicyError
from medplatform.modalities.imaging.deidentify import words as recognition
from medplatform.modalities.imaging.deidentify.policy import load_policy

DOCS = Path(__file__).parents[4] / "docs" / "dicom-deidentification.md"


def test_a_policy_is_read_as_it_is_written(tmp_path: Path) -> None:
    policy = Policy(name="ours", dates="remove", declared_clean=frozenset({"US", "ES"}))
    path = tmp_path / "policy.yaml"
    path.write_text(policy.dump())
    assert Policy.load(path) == policy


def test_what_a_file_does_not_name_is_as_the_platform_does_it(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{"name": "ours", "retain_device_identity": true}')
    policy = Policy.load(path)
    assert policy.retain_device_identity
    assert policy.dates == PLATFORM_POLICY.dates == "shift"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("retain_everything: true", "retain_everything"),
        ("dates: tomorrow", "dates: Input should be 'shift', 'keep' or 'remove'"),
        ("declared_clean: [ULTRASOUND]", "ULTRASOUND: no modality"),
        ("- a list", "policy: is to be a mapping"),
        ("{", "is no YAML: line"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(content)
    with pytest.raises(PolicyError, match=says) as raised:
        Policy.load(path)
    assert str(path) in str(raised.value)


def test_the_digest_is_the_same_in_every_process() -> None:
    program = (
        "from medplatform.modalities.imaging.deidentify import Policy\n"
        "print(Policy(declared_clean=frozenset({'US', 'ES', 'XC', 'OT'})).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_the_digest_tells_what_is_done_not_what_it_is_called() -> None:
    assert Policy(name="ours", description="…").digest == PLATFORM_POLICY.digest
    assert Policy(retain_uids=True).digest != PLATFORM_POLICY.digest


def test_neither_dates_nor_uids_reach_the_lake_as_delivered() -> None:
    policy = Policy(dates="keep", retain_uids=True, retain_device_identity=True)
    assert policy.of_lake == Policy(retain_device_identity=True)
    assert policy.of_lake.digest != policy.digest
    assert Policy(dates="remove").of_lake.dates == "remove"


def test_every_option_is_in_the_documentation() -> None:
    text = DOCS.read_text("utf-8")
    assert [name for name in Policy.model_fields if f"`{name}`" not in text] == []


def test_words_cannot_be_looked_for_without_tesseract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("ocr: refuse")
    monkeypatch.setattr(recognition.shutil, "which", lambda _command: None)
    with pytest.raises(PolicyError, match="apt-get install tesseract-ocr"):
        load_policy(path)


def test_words_cannot_be_looked_for_without_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("ocr: blank")
    monkeypatch.setitem(sys.modules, "pytesseract", None)
    with pytest.raises(PolicyError, match=r"medplatform\[ocr\]"):
        load_policy(path)

"""The folder of ViewDefinitions."""

import json
from pathlib import Path

import pytest

from medplatform.views import ViewError, read_folder, read_views
from medplatform_tests.views.build import columns, view


def test_views_by_name_or_else_by_file(tmp_path: Path) -> None:
    named = view("Patient", columns(id="id"), name="patients")
    (tmp_path / "a.json").write_text(json.dumps(named))
    (tmp_path / "devices.json").write_text(json.dumps(view("Device", columns(id="id"))))
    (tmp_path / "README.md").write_text("no view")
    views = read_views(tmp_path)
    assert {name: checked.resource for name, checked in views.items()} == {
        "patients": "Patient",
        "devices": "Device",
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not a JSON object"),
        ("[]", "a JSON object"),
        ('{"resource": "Patient"}', "select"),
        (json.dumps(view("Patient", columns(a="nmae"))), "no element nmae"),
        (json.dumps(view("Patient", columns(a="id"), name="1")), "begins with a letter"),
    ],
)
def test_an_invalid_file_is_named(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(ViewError, match=reason) as caught:
        read_views(tmp_path)
    assert caught.value.element.startswith("bad.json")


def test_a_file_name_must_do_as_a_name(tmp_path: Path) -> None:
    (tmp_path / "my-view.json").write_text(json.dumps(view("Patient", columns(id="id"))))
    with pytest.raises(ViewError, match="begins with a letter"):
        read_views(tmp_path)


def test_two_views_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        text = json.dumps(view("Patient", columns(id="id"), name="same"))
        (tmp_path / name).write_text(text)
    with pytest.raises(ViewError, match=r"a\.json has the same name") as caught:
        read_views(tmp_path)
    assert caught.value.element == "b.json"


def test_a_broken_file_keeps_a_name_of_its_own(tmp_path: Path) -> None:
    good = json.dumps(view("Patient", columns(id="id"), name="broken_one"))
    (tmp_path / "broken one.json").write_text("{")
    (tmp_path / "good.json").write_text(good)
    (tmp_path / "same.json").write_text(good)
    files = {file.path.name: file for file in read_folder(tmp_path)}
    assert {path: (file.name, file.view is None) for path, file in files.items()} == {
        "broken one.json": ("broken_one_2", True),
        "good.json": ("broken_one", False),
        "same.json": ("same", True),
    }
    assert str(files["same.json"].error) == "same.json: good.json has the same name, broken_one"
    assert files["good.json"].digest == files["same.json"].digest != ""


def test_a_file_that_cannot_be_read_is_broken(tmp_path: Path) -> None:
    (tmp_path / "gone.json").symlink_to(tmp_path / "nothing")
    (file,) = read_folder(tmp_path)
    assert str(file.error).startswith("gone.json: cannot be read (No such file")


def test_without_a_folder_there_are_no_views(tmp_path: Path) -> None:
    assert read_folder(tmp_path / "nowhere") == []

"""Policies as data: complete, readable, and the same after they were written down."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from medplatform.modalities.ehr.deidentify import SHIFTED_SAFE_HARBOR, Policy, PolicyError
from medplatform.modalities.ehr.deidentify.policy import Action, Vocabulary
from medplatform.modalities.ehr.deidentify.selector import Selector, selects_something


def test_the_policy_of_the_platform_is_the_same_after_it_was_written_down(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(SHIFTED_SAFE_HARBOR.dump())
    assert Policy.load(path) == SHIFTED_SAFE_HARBOR


def test_a_policy_is_written_down_the_same_way_by_every_process() -> None:
    """Sets have another order in each process, and a delivery names its policy by a digest."""
    written = yaml.safe_load(SHIFTED_SAFE_HARBOR.dump())
    sets = [words["values"] for words in written["vocabularies"].values() if "values" in words]
    assert written["extensions"] == sorted(written["extensions"])
    assert len(sets) > 1
    assert sets == [sorted(values) for values in sets]


def test_every_rule_of_the_platform_selects_something() -> None:
    for rule in SHIFTED_SAFE_HARBOR.rules:
        assert selects_something(Selector.parse(rule.select)), rule.select


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rules: [{select: Patient.id, action: erase}]", "action"),
        ("rules: [{select: Patient.id, action: generalise}]", "'to' belongs to 'generalise'"),
        ("rules: [{select: Patient.id, action: keep, to: year}]", "'to' belongs to"),
        ("rules: [{select: Patient.id, action: keep, whom: all}]", "whom"),
        (
            "rules: [{select: Patient.id, action: keep, when: [{is_in: nowhere}]}]",
            "no vocabulary 'nowhere'",
        ),
        ("rules: [", r"holds no policy: it is no YAML: line 2: expected .*\.$"),
        (
            "rules: [{select: code, action: keep}, {select: code, action: kepp}]",
            r"holds no policy: rule 2\.action: Input should be 'keep', .* or 'perturb'$",
        ),
        ("rules: [{select: Patient.adress, action: drop}]", r"selected by Patient\.adress:"),
        (
            "rules: [{select: Patiant, action: drop}, {select: Patient, action: keep},"
            " {select: Patient//Adress.line, action: drop}]",
            "selected by Patiant, Patient//Adress.line:",
        ),
        (
            "vocabularies: {v: {values: [a]}}\n"
            "rules: [{select: Coding.display, action: drop, when: [{sibling: sytem, is_in: v}]}]",
            r"rule 1 \(drop Coding\.display\) asks for a sibling 'sytem'",
        ),
        ("rules: [{select: boolean, action: shift_date}]", r"rule 1 \(shift_date boolean\)"),
        ("rules: [{select: 'Patient name', action: keep}]", "'Patient name' is no selector"),
        ("vocabularies: {a: {pattern: '('}}\nrules: []", "no regular expression"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_rule(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("name: test\n" + content)
    with pytest.raises(PolicyError, match=message):
        Policy.load(path)


@pytest.mark.parametrize("content", ["", "- a", "text"])
def test_what_is_no_mapping_is_no_policy(tmp_path: Path, content: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(content)
    with pytest.raises(PolicyError, match="holds no policy: policy: is to be a mapping of names"):
        Policy.load(path)


def test_a_missing_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"none\.yaml cannot be read: No such file"):
        Policy.load(tmp_path / "none.yaml")


def test_a_vocabulary_holds_by_value_prefix_and_pattern() -> None:
    vocabulary = Vocabulary(values=frozenset({"a"}), prefixes=("b",), pattern="c+")
    assert all(text in vocabulary for text in ("a", "b", "bx", "cc"))
    assert not any(text in vocabulary for text in ("ax", "", "ccd"))


def test_the_example_in_the_documentation_is_a_policy() -> None:
    text = (Path(__file__).parents[4] / "docs" / "deidentification.md").read_text()
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert example
    policy = Policy.model_validate(yaml.safe_load(example[1]))
    for rule in policy.rules:
        assert selects_something(Selector.parse(rule.select)), rule.select


def test_the_documentation_names_every_action() -> None:
    text = (Path(__file__).parents[4] / "docs" / "deidentification.md").read_text()
    assert all(f"| `{action}` |" in text for action in Action)


def test_rules_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        SHIFTED_SAFE_HARBOR.rules[0].select = "Patient"  # pyright: ignore[reportAttributeAccessIssue]

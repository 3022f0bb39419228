"""Which rule decides on a value."""

import pytest

from medplatform.modalities.ehr.columns.shape import Shape
from medplatform.modalities.ehr.definitions import Release
from medplatform.modalities.ehr.deidentify.plan import LeafPlan, Planner, StructPlan
from medplatform.modalities.ehr.deidentify.policy import Action, Policy, PolicyError, Rule
from medplatform.modalities.ehr.deidentify.selector import Selector, selects_something

_PATIENT = {
    "id": "p1",
    "birthDate": "1980",
    "_birthDate": {"extension": [{"url": "u", "valueCode": "c"}]},
    "multipleBirthInteger": 2,
    "name": [{"use": "usual", "family": "F", "extension": [{"url": "u"}]}],
    "contact": [{"name": {"use": "old", "text": "T"}, "gender": "female"}],
    "maritalStatus": {"coding": [{"code": "M", "display": "D"}], "text": "T"},
}


def _actions(*rules: tuple[str, str], precedence: str = "specific") -> dict[str, str]:
    """Path -> action of the values of a Patient that are not dropped."""
    policy = Policy.model_validate(
        {
            "name": "test",
            "rules": [{"select": select, "action": action} for select, action in rules],
            "precedence": precedence,
            "extensions": None,
        }
    )
    shape = Shape.root("Patient")
    shape.grow(_PATIENT, Release.R4B)
    found: dict[str, str] = {}

    def collect(plan: StructPlan | LeafPlan | None) -> None:
        if isinstance(plan, LeafPlan):
            found[plan.path.replace("[]", "")] = plan.chain[0].rule.action.value
        elif plan is not None:
            for child in plan.children.values():
                collect(child)

    collect(Planner(policy, Release.R4B).plan(shape))
    return found


def test_what_no_rule_covers_is_dropped() -> None:
    assert _actions() == {}


def test_an_element_path_is_one_element() -> None:
    assert _actions(("Patient.birthDate", "keep")) == {"Patient.birthDate": "keep"}


def test_a_rule_covers_all_that_is_in_an_element() -> None:
    assert set(_actions(("Patient.contact", "keep"))) == {
        "Patient.contact.name.use",
        "Patient.contact.name.text",
        "Patient.contact.gender",
    }


def test_a_data_type_is_found_wherever_it_stands() -> None:
    found = _actions(("HumanName.use", "keep"))
    assert set(found) == {"Patient.name.use", "Patient.contact.name.use"}


def test_a_descendant_is_found_by_type_and_by_name() -> None:
    assert set(_actions(("Patient.contact//HumanName.use", "keep"))) == {"Patient.contact.name.use"}
    assert set(_actions(("Patient..gender", "keep"))) == {"Patient.contact.gender"}


def test_a_choice_element_is_found_whatever_its_type() -> None:
    assert set(_actions(("Patient.multipleBirth[x]", "keep"))) == {"Patient.multipleBirthInteger"}


def test_every_resource_has_an_id() -> None:
    assert _actions(("Resource.id", "keep")) == {"Patient.id": "keep"}


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        ("Patient.contact", "HumanName.use"),
        ("HumanName.use", "code"),
        ("Patient.contact.name", "Patient.contact"),
        ("Patient.contact.name.use", "Patient.contact.name"),
        ("HumanName.use", "HumanName"),
        ("HumanName", "code"),
    ],
)
def test_the_more_specific_rule_wins_wherever_it_is_listed(winner: str, loser: str) -> None:
    for rules in ([(winner, "keep"), (loser, "redact")], [(loser, "redact"), (winner, "keep")]):
        assert _actions(*rules)["Patient.contact.name.use"] == "keep"


def test_dropping_a_data_type_drops_the_data_types_in_it() -> None:
    rules = (("HumanName", "drop"), ("Extension.url", "keep"), ("HumanName.use", "keep"))
    found = _actions(*rules)
    assert "Patient.name.use" in found
    assert "Patient.name.extension.url" not in found


def test_dropping_an_element_drops_its_extensions() -> None:
    rules = (("Extension.url", "keep"), ("Patient.birthDate", "drop"))
    assert "Patient._birthDate.extension.url" in _actions(rules[0])
    assert "Patient._birthDate.extension.url" not in _actions(*rules)


def test_by_order_the_first_rule_decides_even_if_it_is_less_specific() -> None:
    rules = (("HumanName", "redact"), ("Patient.contact.name.use", "keep"))
    assert _actions(*rules, precedence="order")["Patient.contact.name.use"] == "redact"
    assert _actions(*rules)["Patient.contact.name.use"] == "keep"


@pytest.mark.parametrize("text", ["", "Patient.", ".id", "Patient.name[0]", "Patient name"])
def test_a_selector_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(PolicyError, match="no selector"):
        Selector.parse(text)


@pytest.mark.parametrize(
    ("text", "is_something"),
    [
        ("Patient.address.postalCode", True),
        ("Patient.adress", False),
        ("Patient.multipleBirth[x]", True),
        ("Coding.code", True),
        ("Coding.kode", False),
        ("Patiant", False),
        ("Observation.component.code.coding.display", True),
        ("MedicationUsage.note", False),
        ("Patient..period", True),
        ("Patient//Address.state", True),
        ("Patient//Address.stat", False),
        ("Patient//Adress", False),
        ("MedicinalProduct.name.productName", True),
        ("MedicinalProduct.name.product", False),
    ],
)
def test_a_selector_of_nothing_is_told(text: str, is_something: bool) -> None:
    assert selects_something(Selector.parse(text)) is is_something


def test_an_action_that_a_value_cannot_take_is_an_error() -> None:
    policy = Policy(name="test", rules=(Rule(select="Patient.id", action=Action.SHIFT_DATE),))
    shape = Shape.root("Patient")
    shape.grow({"id": "p1"}, Release.R4B)
    with pytest.raises(PolicyError, match=r"Patient\.id says 'shift_date'.*a id"):
        Planner(policy, Release.R4B).plan(shape)

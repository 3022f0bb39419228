"""What a de-identification policy says: reviewed data that can be written down as YAML or JSON.

A `Rule` selects elements and says what is done with every value in them; rules compete for each
value, and what no rule covers is dropped.

A selector is a FHIR type and the way down from it:

- `Patient.address.postalCode`: an element of a resource type,
- `Coding.code`, `Address`: an element of a data type, or the whole of it, wherever it stands,
- `dateTime`: a primitive type; `Resource.id`: of every resource,
- `Observation.value[x]`: a choice element, whatever its type,
- `Patient//Address.state`: an `Address` at any depth, `Patient..period`: an element of that name.

The most specific rule wins: a resource type before a data type before a primitive type, then the
deepest element, then the longer selector, then the earlier rule. Dropping a data type drops all in
it, data types within it too, but for what a longer selector of the same type keeps.
"""

import json
import operator
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from medplatform.modalities.modality import Misconfigured

_IN_WORDS = {
    "extra_forbidden": "there is no such option",
    "missing": "is missing",
    "model_type": "is to be a mapping of names to values",
}
"""What pydantic says in terms of Python."""

Texts = Annotated[frozenset[str], PlainSerializer(sorted, when_used="json-unless-none")]
"""A set that is always written down in the same order: deliveries name a policy by its digest."""


class PolicyError(Misconfigured):
    """A policy cannot be used; the message names the rule, its path and the remedy."""


class Action(StrEnum):
    """What is done with a value."""

    KEEP = "keep"
    DROP = "drop"
    PSEUDONYMISE = "pseudonymise"
    """Replace a text by an HMAC token of `kind`; equal texts give equal tokens."""
    REFERENCE = "reference"
    """Rewrite a literal reference to the pseudonym of its target; drop what names no target."""
    SHIFT_DATE = "shift_date"
    """Move by the patient's days, in the precision that was delivered."""
    GENERALISE = "generalise"
    """Make coarser, as `to` says."""
    REDACT = "redact"
    """Replace a text by `Policy.redaction`, so that it shows there was one."""
    SUBSTITUTE = "substitute"
    """Replace by `value`: a scalar, or a JSON object for a whole element."""
    PERTURB = "perturb"
    """Move a number by noise that follows from it under a secret key."""


class Generalisation(StrEnum):
    """How a value is made coarser."""

    BIRTH_DATE = "birth_date"
    """The shifted year; years of those over 89 are merged."""
    YEAR = "year"
    """The year as delivered."""
    POSTAL_CODE = "postal_code"
    """Three digits of a US postal code, 000 for small areas."""
    AGE = "age"
    """90 years for ages over 89, in the unit beside the value; years where it is unknown."""
    MEDIA_TYPE = "media_type"
    """Type, subtype and charset; other parameters may be any text."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bounds(_Model):
    """A range: of numbers where a bound is one, else of texts, which orders ISO dates."""

    at_least: float | str | None = None
    above: float | str | None = None
    at_most: float | str | None = None
    below: float | str | None = None

    def __contains__(self, text: str) -> bool:
        tests = (
            (self.at_least, operator.ge),
            (self.above, operator.gt),
            (self.at_most, operator.le),
            (self.below, operator.lt),
        )
        try:
            return all(
                test(float(text) if isinstance(bound, float) else text, bound)
                for bound, test in tests
                if bound is not None
            )
        except ValueError:
            return False


class Vocabulary(_Model):
    """A set of texts: listed, by prefix, by a regular expression (full match), or in a range."""

    values: Texts = frozenset()
    prefixes: tuple[str, ...] = ()
    pattern: str | None = None
    bounds: Bounds | None = None

    @model_validator(mode="after")
    def _compiles(self) -> "Vocabulary":
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"{self.pattern!r} is no regular expression: {error}") from None
        return self

    def __contains__(self, text: str) -> bool:
        return (
            text in self.values
            or text.startswith(self.prefixes)
            or (self.pattern is not None and re.fullmatch(self.pattern, text) is not None)
            or (self.bounds is not None and text in self.bounds)
        )


class Condition(_Model):
    """When a rule applies: a text near the selected element is in a vocabulary.

    The text is the selected value itself, or that of a `sibling` element, or, where a whole
    element is selected, of a `child`. A sibling may be a path (`code.coding.code`), through lists
    too: one of the texts that it leads to is enough.
    """

    sibling: str | None = None
    child: str | None = None
    is_in: str
    negate: bool = False
    if_absent: bool = False
    """Whether the condition holds where there is no such text."""
    also: "Condition | None" = None
    """A further condition that has to hold too."""

    @model_validator(mode="after")
    def _asks_for_one(self) -> "Condition":
        if self.sibling and self.child:
            raise ValueError("a condition asks for a sibling or a child, not for both")
        return self


class Noise(_Model):
    """Uniform noise of `span` in total, or of that share of the value, rounded to `decimals`."""

    span: float = Field(ge=0, allow_inf_nan=False)
    is_proportional: bool = False
    decimals: int = Field(default=2, ge=0, le=28)


_NEEDS = {
    Action.GENERALISE: "to",
    Action.PSEUDONYMISE: "kind",
    Action.SUBSTITUTE: "value",
    Action.PERTURB: "noise",
}


class Rule(_Model):
    """What is done with the values in the selected elements, where any condition holds."""

    select: str
    action: Action
    to: Generalisation | None = None
    kind: str | None = None
    value: str | bool | int | float | dict[str, Any] | None = None
    noise: Noise | None = None
    when: tuple[Condition, ...] = ()
    because: str | None = None

    def conditions(self) -> Iterator[Condition]:
        """The conditions with those that have to hold too."""
        for condition in self.when:
            asked: Condition | None = condition
            while asked is not None:
                yield asked
                asked = asked.also

    @model_validator(mode="after")
    def _is_complete(self) -> "Rule":
        for action, parameter in _NEEDS.items():
            is_given = getattr(self, parameter) is not None
            if is_given != (self.action is action):
                raise ValueError(
                    f"{self.select}: {parameter!r} belongs to {action.value!r}, and only there"
                )
        return self


def _fault_of_yaml(error: yaml.YAMLError) -> str:
    """Where a text is no YAML, and why."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return f"it is no YAML: {error}."
    mark = error.problem_mark
    where = f"line {mark.line + 1}: " if mark else ""
    return f"it is no YAML: {where}{error.problem}."


def _faults_of_model(error: ValidationError) -> str:
    """What is wrong, a line for each fault, with the number of its rule from 1."""
    return "\n".join(
        f"{_place(each['loc'])}: {_IN_WORDS.get(each['type'], each['msg'])}"
        for each in error.errors(include_url=False)
    )


def _place(location: tuple[int | str, ...]) -> str:
    """Where in a policy something is, as a person counts: `rule 1.action`."""
    match location:
        case ("rules", int(number), *way):
            return ".".join([f"rule {number + 1}", *map(str, way)])
    return ".".join(map(str, location)) or "policy"


class Policy(_Model):
    """A whole policy.

    `precedence` "specific" is described above; with "order" the first rule that covers a value,
    on its element or on one around it, decides. `extensions` lists the URLs of extensions whose
    values may be published (by the rules); None leaves all to the rules. Dates in records of no
    patient, which have no shift, become their year, or as `dates_without_patient` says. Dates of
    90 years ago, which tell an age over 89, are dropped if `drops_old_dates`.
    """

    name: str
    description: str = ""
    rules: tuple[Rule, ...]
    vocabularies: Mapping[str, Vocabulary] = {}
    extensions: Texts | None = frozenset()
    default: Literal["drop", "keep"] = "drop"
    precedence: Literal["specific", "order"] = "specific"
    dates_without_patient: Literal["year", "drop", "keep"] = "year"
    drops_old_dates: bool = False
    redaction: str = "[REDACTED]"
    notes: tuple[str, ...] = ()
    """What a reviewer should know about how the policy was made."""

    @model_validator(mode="after")
    def _names_are_known(self) -> "Policy":
        for rule in self.rules:
            for condition in rule.conditions():
                if condition.is_in not in self.vocabularies:
                    raise ValueError(f"{rule.select}: there is no vocabulary {condition.is_in!r}")
        return self

    @classmethod
    def load(cls, path: Path) -> "Policy":
        """Read a policy from YAML or JSON.

        Raises
        ------
        PolicyError
            The file cannot be read, a rule of it is wrong or cannot be applied, or a selector
            selects nothing.
        """
        # Selectors are of FHIR's types, which take a while to load; policies without a file do not
        # need them here.
        from medplatform.modalities.ehr.deidentify.selector import demand_selections
        from medplatform.modalities.ehr.deidentify.soundness import demand_soundness

        try:
            policy = cls.model_validate(yaml.safe_load(path.read_text("utf-8")))
            demand_selections(policy)
            demand_soundness(policy)
        except OSError as error:
            raise PolicyError(f"{path} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise PolicyError(f"{path} is no text in UTF-8.") from None
        except yaml.YAMLError as error:
            raise PolicyError(f"{path} holds no policy: {_fault_of_yaml(error)}") from None
        except ValidationError as error:
            raise PolicyError(f"{path} holds no policy: {_faults_of_model(error)}") from None
        except PolicyError as error:
            raise PolicyError(f"{path} holds no policy: {error}") from error
        return policy

    def dump(self) -> str:
        """The policy as YAML, as `load` reads it."""
        content = json.loads(self.model_dump_json(exclude_defaults=True))
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)

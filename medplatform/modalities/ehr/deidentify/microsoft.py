"""Policies written for Microsoft's Tools for Health Data Anonymization, read as policies here.

Their semantics (docs/FHIR-anonymization.md there): rules are tried in their order, the first that
selects a value or an element around it decides, and what no rule selects is kept. What cannot be
said with a `Policy` is refused with the path of its rule; what is done in another way is listed in
`Policy.notes`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from medplatform.modalities.ehr.deidentify.microsoft_cases import read_case
from medplatform.modalities.ehr.deidentify.microsoft_path import Selection, read_path
from medplatform.modalities.ehr.deidentify.policy import (
    Action,
    Condition,
    Generalisation,
    Noise,
    Policy,
    PolicyError,
    Rule,
    Vocabulary,
)
from medplatform.modalities.ehr.deidentify.selector import Selector, selects_something
from medplatform.modalities.ehr.deidentify.soundness import find_problem
from medplatform.modalities.ehr.deidentify.tokens import RESOURCE_ID
from medplatform.privacy.policy import RESTRICTED_ZIP3

_DATES = ("date", "dateTime", "instant")
_DEFAULT_DECIMALS = 2
_GENERAL_NOTES = (
    "Dates are moved by the patient's shift of this installation, in the precision that was "
    "delivered and with their time of day; dateShiftKey and dateShiftScope are not used.",
    "Hashes are tokens under the master key of this installation; cryptoHashKey is not used.",
    "Dates in records of no patient become their year.",
    "No security labels are added to meta.",
)


def read_microsoft_configuration(path: Path) -> Policy:
    """Read a configuration file (`fhirPathRules` and `parameters`).

    Raises
    ------
    PolicyError
        The file cannot be read, or rules cannot be expressed; all of them are named.
    """
    try:
        content = json.loads(path.read_text("utf-8-sig"))
        rules, parameters = list(content["fhirPathRules"]), content.get("parameters") or {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PolicyError(f"{path} is no anonymizer configuration: {error!r}") from error
    reader = _Reader(parameters)
    for number, rule in enumerate(rules, 1):
        reader.read(number, rule)
    if reader.problems:
        raise PolicyError(f"{path} cannot be expressed:\n" + "\n".join(reader.problems))
    return Policy(
        name=path.stem,
        rules=tuple(reader.rules),
        vocabularies=reader.vocabularies,
        extensions=None,
        default="keep",
        precedence="order",
        drops_old_dates=True,
        notes=(*_GENERAL_NOTES, *reader.notes),
    )


class _Reader:
    """Reads rule after rule."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.rules: list[Rule] = []
        self.vocabularies: dict[str, Vocabulary] = {}
        self.notes: list[str] = []
        self.problems: list[str] = []
        self._has = parameters
        self._methods: dict[str, Callable[[Selection, Mapping[str, Any]], Iterator[Rule]]] = {
            "keep": self._keep,
            "redact": self._redact,
            "dateshift": self._shift,
            "cryptohash": self._hash,
            "substitute": self._substitute,
            "perturb": self._perturb,
            "generalize": self._generalise,
        }
        zips = parameters.get("restrictedZipCodeTabulationAreas") or ()
        if other := sorted(set(zips) - RESTRICTED_ZIP3):
            self.notes.append(
                f"restrictedZipCodeTabulationAreas: {', '.join(other)} are not restricted here."
            )

    def read(self, number: int, content: Mapping[str, Any]) -> None:
        """Read one rule; what is wrong with it becomes a problem."""
        path, method = str(content.get("path")), str(content.get("method"))
        name = f"rule {number} ({method} {path})"
        make = self._methods.get(method.lower())
        try:
            if make is None:
                raise PolicyError(
                    "there is no such method here. To keep a value recognisable, use cryptoHash."
                )
            for selection in read_path(path):
                if not selects_something(Selector.parse(selection.select)):
                    self.notes.append(f"{name} selects nothing that FHIR defines.")
                    continue
                if selection.select.startswith("Bundle."):
                    self.notes.append(f"{name}: Bundles are taken apart before they are read.")
                made = [self._with_condition(selection, rule) for rule in make(selection, content)]
                if problem := next(filter(None, map(find_problem, made)), None):
                    raise PolicyError(problem)
                self.rules += made
                if selection.where and method.lower() in ("redact", "dateshift"):
                    self.notes.append(f"{name}: nothing of the element is left, not even years.")
        except (PolicyError, ValueError) as error:
            self.problems.append(f"{name}: {error}")

    def _with_condition(self, selection: Selection, rule: Rule) -> Rule:
        if selection.where is None:
            return rule
        element, value = selection.where
        name = f"is {value}"
        self.vocabularies[name] = Vocabulary(values=frozenset({value}))
        asks = Condition(
            child=element if selection.asks_child else None,
            sibling=None if selection.asks_child else element,
            is_in=name,
        )
        return rule.model_copy(update={"when": (asks,)})

    def _keep(self, selection: Selection, content: Mapping[str, Any]) -> Iterator[Rule]:
        yield Rule(select=selection.select, action=Action.KEEP)

    def _redact(self, selection: Selection, content: Mapping[str, Any]) -> Iterator[Rule]:
        yield from self._partly(selection)
        yield Rule(select=selection.select, action=Action.DROP)

    def _partly(self, selection: Selection) -> Iterator[Rule]:
        """What redaction leaves of dates, postal codes and ages, if the parameters say so."""
        coarse = [("enablePartialDatesForRedact", kind, Generalisation.YEAR) for kind in _DATES]
        coarse.append(("enablePartialAgesForRedact", "Age.value", Generalisation.AGE))
        zips = ("enablePartialZipCodesForRedact", "Address.postalCode", Generalisation.POSTAL_CODE)
        for parameter, within, to in (*coarse, zips):
            if self._has.get(parameter) and selection.where is None:
                select = f"{selection.select}//{within}"
                yield Rule(select=select, action=Action.GENERALISE, to=to)
        name = selection.select.rpartition(".")[2]
        if name == "postalCode" and self._has.get("enablePartialZipCodesForRedact"):
            yield Rule(
                select=selection.select,
                action=Action.GENERALISE,
                to=Generalisation.POSTAL_CODE,
            )

    def _shift(self, selection: Selection, content: Mapping[str, Any]) -> Iterator[Rule]:
        if selection.where is not None:
            yield Rule(select=selection.select, action=Action.DROP)
            return
        for kind in _DATES:
            yield Rule(select=f"{selection.select}//{kind}", action=Action.SHIFT_DATE)
        yield Rule(select=selection.select, action=Action.KEEP)

    def _hash(self, selection: Selection, content: Mapping[str, Any]) -> Iterator[Rule]:
        if selection.is_resource_id:
            yield Rule(select=selection.select, action=Action.PSEUDONYMISE, kind=RESOURCE_ID)
            return
        if selection.select.endswith("Reference.reference"):
            yield Rule(select=selection.select, action=Action.REFERENCE)
            return
        if selection.where is None:
            select = f"{selection.select}//Reference.reference"
            yield Rule(select=select, action=Action.REFERENCE)
        yield Rule(select=selection.select, action=Action.PSEUDONYMISE, kind="text")

    def _substitute(self, selection: Selection, content: Mapping[str, Any]) -> Iterator[Rule]:
        value = content.get("replaceWith")
        if value is None:
            yield Rule(select=selection.select, action=Action.DROP)
        else:
            yield Rule(select=selection.select, action=Action.SUBSTITUTE, value=value)

    def _perturb(self, selection: Selection, content: Mapping[str, Any]) -> Iterator[Rule]:
        if "span" not in content:
            raise PolicyError("perturb needs a span.")
        noise = Noise(
            span=content["span"],
            is_proportional=str(content.get("rangeType", "fixed")).lower() == "proportional",
            decimals=content.get("roundTo", _DEFAULT_DECIMALS),
        )
        yield Rule(select=selection.select, action=Action.PERTURB, noise=noise)
        yield Rule(select=selection.select, action=Action.KEEP)

    def _generalise(self, selection: Selection, content: Mapping[str, Any]) -> Iterator[Rule]:
        if selection.where is not None:
            raise PolicyError("cases together with where() cannot be expressed.")
        for test, result in (content.get("cases") or {}).items():
            vocabulary, value = read_case(test, str(result))
            when: tuple[Condition, ...] = ()
            if vocabulary is not None:
                self.vocabularies[test] = vocabulary
                when = (Condition(is_in=test),)
            yield Rule(select=selection.select, action=Action.SUBSTITUTE, value=value, when=when)
        is_kept = str(content.get("otherValues", "redact")).lower() == "keep"
        yield Rule(select=selection.select, action=Action.KEEP if is_kept else Action.DROP)

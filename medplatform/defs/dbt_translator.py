"""How dbt models and tests read in the Dagster UI."""

import re
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

_SENTENCES = {
    "accepted_values": "Every `{column_name}` is one of {values}.",
    "is_between": "Every `{column_name}` is between {minimum} and {maximum}.",
    "is_true": "Every `{column_name}` is true.",
    "not_null": "`{column_name}` is never null.",
    "relationships": "Every `{column_name}` is a {field} of {to}.",
    "unique": "No two rows have the same `{column_name}`.",
    "unique_combination": "No two rows have the same {columns}.",
}
_CALL = re.compile(r"(?:ref|var)\('(\w+)'\)")


class Translator(DagsterDbtTranslator):
    """Gives every test of dbt a sentence, and seeds no empty SQL."""

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """What a row is; of a model also its SQL."""
        if dbt_resource_props["resource_type"] == "seed":
            return dbt_resource_props["description"]
        return super().get_description(dbt_resource_props)

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        """The check of a test, with what the test demands."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        test = self.get_resource_props(manifest, unique_id)
        return spec._replace(description=describe_test(test))


def describe_test(test: Mapping[str, Any]) -> str | None:
    """What a test of dbt demands: its own description, else a sentence made of its arguments.

    Parameters
    ----------
    test
        The node of the test in the manifest.
    """
    if test.get("description"):
        return test["description"]
    kind = test.get("test_metadata") or {}
    sentence = _SENTENCES.get(kind.get("name", ""))
    if sentence is None:
        return None
    return sentence.format(**{name: _words(value) for name, value in kind["kwargs"].items()})


def _words(value: object) -> str:
    """An argument as it reads: a list in one line, `ref` and `var` as the name they refer to."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    call = _CALL.search(str(value))
    return call.group(1) if call else str(value)

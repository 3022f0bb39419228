"""The table of value sets and types of R4 only, against what HL7 and fhir.resources publish."""

import importlib
import json
import pkgutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import fhir.resources
import fhir.resources.R4B
import pytest
from fhir_core.fhirabstractmodel import FHIRAbstractModel

from medplatform.modalities.ehr.conformance.hl7 import (
    TABLE_PATH,
    codes_of,
    r4_only_resources,
    read_r4_only,
)
from medplatform.modalities.ehr.conformance.schema import collect_types
from medplatform.modalities.ehr.conformance.verdict import definitions_of
from medplatform.modalities.ehr.definitions import Release

# The models list a code that is in no value set of the release, or media types.
ELSEWHERE = {"SubscriptionStatus.status", "Endpoint.status"}
OPEN_LISTS = {"CapabilityStatement.format", "Expression.language"}


def listed_codes(release: Release) -> Iterator[tuple[str, str, set[str]]]:
    """The codes that the models of a release list; "+" stands for more."""
    package = fhir.resources if release is Release.R5 else fhir.resources.R4B
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg or module.name == "fhirtypes":
            continue
        content = vars(importlib.import_module(f"{package.__name__}.{module.name}"))
        for model in content.values():
            if isinstance(model, type) and issubclass(model, FHIRAbstractModel):
                for name, info in model.model_fields.items():
                    extra = info.json_schema_extra
                    if isinstance(extra, dict) and (codes := extra.get("enum_values")):
                        assert isinstance(codes, list)
                        yield model.__name__, info.alias or name, {str(code) for code in codes}


@pytest.mark.parametrize(("release", "least"), [(Release.R4, 300), (Release.R5, 330)])
def test_every_code_that_the_models_list_is_in_its_value_set(release: Release, least: int) -> None:
    checked = set()
    for model, element, listed in listed_codes(release):
        codes = codes_of(release, model, element)
        path = f"{model}.{element}"
        if path in OPEN_LISTS:
            assert codes is None
        elif path not in ELSEWHERE:
            assert codes is not None, path
            assert listed - {"+"} <= codes, path
            checked.add(path)
    assert len(checked) > least


def test_value_sets_are_whole_where_the_models_abbreviate() -> None:
    assert codes_of(Release.R4, "Encounter", "status") == {
        *("planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled"),
        *("entered-in-error", "unknown"),
    }
    assert codes_of(Release.R4, "Patient", "gender") == {"male", "female", "other", "unknown"}
    assert codes_of(Release.R4, "Quantity", "comparator") == {"<", "<=", ">=", ">"}
    assert codes_of(Release.R5, "Quantity", "comparator") == {"<", "<=", ">=", ">", "ad"}
    assert codes_of(Release.R4, "Money", "currency") is None


def test_the_table_is_small() -> None:
    assert TABLE_PATH.stat().st_size < 300_000
    assert "CC0-1.0" in json.loads(TABLE_PATH.read_text())["source"]


def test_types_of_r4_only_are_complete() -> None:
    names = r4_only_resources()
    assert len(names) == 20
    for name in names:
        types = collect_types(definitions_of(Release.R4), name)
        assert types[name].is_resource
        assert types.keys() >= {"Extension", "Meta", "Narrative"}
    assert read_r4_only("Patient") is None


@pytest.mark.real
def test_required_bindings_of_r4b_are_all_known(fhir_data: Path) -> None:
    """Each required binding of a `code` is in the table, but for lists that others keep."""
    open_lists = {"mimetypes", "currencies", "spdx-license"}
    (archive,) = (fhir_data / "r4b-core").glob("*.tar.gz")
    unknown, known = [], 0
    with tarfile.open(archive) as files:
        for member in files:
            content = files.extractfile(member) if member.name.endswith(".json") else None
            definition = json.load(content) if content else {}
            if definition.get("derivation") != "specialization":
                continue
            for element in definition["snapshot"]["element"]:
                binding = element.get("binding", {})
                value_set = binding.get("valueSet", "").partition("|")[0].rpartition("/")[2]
                is_code = [each["code"] for each in element.get("type", [])] == ["code"]
                if binding.get("strength") != "required" or not is_code or value_set in open_lists:
                    continue
                parent, _, name = element["path"].rpartition(".")
                model = "".join(part[0].upper() + part[1:] for part in parent.split("."))
                if codes_of(Release.R4B, model, name):
                    known += 1
                else:
                    unknown.append(element["path"])
    assert unknown == []
    assert known > 300

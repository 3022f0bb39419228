"""Writes `hl7.json`, what this package takes from HL7's publications of FHIR (all CC0-1.0).

fhir.resources knows neither the value sets of required bindings in full (its lists end in "+"
where the specification's short text does) nor the types that were in R4 but not in R4B. Run once
per publication, with the files of the packages named below unpacked:

    python -m medplatform.modalities.ehr.conformance.generate \\
        --r4-schema fhir.schema.json --r4 hl7.fhir.r4.core/package \\
        --r4-expansions hl7.fhir.r4.expansions/package \\
        --r4b hl7.fhir.r4b.core/package --r4b-expansions hl7.fhir.r4b.expansions/package \\
        --r5 hl7.fhir.r5.core/package --r5-expansions hl7.fhir.r5.expansions/package

Bindings to lists that others keep and extend (currencies, licences, media types, languages) are
left out: a code added to one of them yesterday is no error. R4 and R4B share one table, with the
codes of both.
"""

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medplatform.modalities.ehr.conformance.hl7 import TABLE_PATH

SOURCE = (
    "HL7 FHIR R4 4.0.1 JSON schema, R4 4.0.1, R4B 4.3.0 and R5 5.0.0 structure definitions, value "
    "set expansions of R4, R4B and R5; licence CC0-1.0"
)
R4_ONLY = (
    "EffectEvidenceSynthesis",
    "Evidence",
    "EvidenceVariable",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "RiskEvidenceSynthesis",
    "SubstanceAmount",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
)
"""Types that R4B dropped, or (Evidence, EvidenceVariable) defined anew."""
_HL7 = ("http://hl7.org/fhir/", "http://terminology.hl7.org/")
_BASES = {
    "DomainResource": {"id", "meta", "implicitRules", "language", "text", "contained"},
    "BackboneElement": {"id"},
}
_EXTENSIONS = {"extension", "modifierExtension"}
_PRIMITIVE_SUFFIX = re.compile(
    "(?:Boolean|String|DateTime|Date|Uri|Canonical|Integer|Decimal|Markdown|Code)$"
)


def main() -> None:
    """Read the publications named on the command line and write the table."""
    parser = argparse.ArgumentParser(description="Write hl7.json from HL7's publications.")
    publications = ("r4-schema", "r4", "r4-expansions")
    publications += ("r4b", "r4b-expansions", "r5", "r5-expansions")
    for name in publications:
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    r4_codes, r4b_codes, r5_codes = (
        read_value_sets(folder)
        for folder in (given.r4_expansions, given.r4b_expansions, given.r5_expansions)
    )
    schema = json.loads(given.r4_schema.read_text())["definitions"]
    for url, codes in r4_codes.items():
        if url in r4b_codes:
            r4b_codes[url] = list(dict.fromkeys(r4b_codes[url] + codes))
    table = {
        "source": SOURCE,
        "bindings": {
            "R4": find_bindings(given.r4b, r4b_codes),
            "R5": find_bindings(given.r5, r5_codes),
        },
        "r4_only": read_r4_only(schema, given.r4),
    }
    TABLE_PATH.write_text(json.dumps(table, indent=None, separators=(",", ":")) + "\n")


def read_value_sets(folder: Path) -> dict[str, list[str]]:
    """The codes of every value set that is closed: HL7's own, or enumerated by HL7."""
    value_sets = {}
    for path in sorted(folder.glob("ValueSet-*.json")):
        value_set = json.loads(path.read_text())
        codes = list(_walk(value_set.get("expansion", {}).get("contains", [])))
        included = value_set.get("compose", {}).get("include", [])
        is_listed = all("concept" in include for include in included)
        if codes and (is_listed or all(system.startswith(_HL7) for system, _ in codes)):
            value_sets[value_set["url"]] = list(dict.fromkeys(code for _, code in codes))
    return value_sets


def _walk(concepts: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for concept in concepts:
        if "code" in concept and not concept.get("abstract"):
            yield concept.get("system", ""), concept["code"]
        yield from _walk(concept.get("contains", []))


def find_bindings(folder: Path, codes: dict[str, list[str]]) -> dict[str, Any]:
    """Required bindings of `code` elements, and the value sets they name."""
    bindings: dict[str, str] = {}
    for path in sorted(folder.glob("StructureDefinition-*.json")):
        definition = json.loads(path.read_text())
        if definition.get("derivation") != "specialization":
            continue
        for element in definition["snapshot"]["element"]:
            binding = element.get("binding", {})
            url = binding.get("valueSet", "").partition("|")[0]
            is_code = [each["code"] for each in element.get("type", [])] == ["code"]
            if is_code and binding.get("strength") == "required" and url in codes:
                parent, _, name = element["path"].rpartition(".")
                bindings[f"{_class_name(parent)}.{name}"] = url.rpartition("/")[2]
    used = {name: codes[url] for url in codes if (name := url.rpartition("/")[2])}
    return {
        "elements": dict(sorted(bindings.items())),
        "value_sets": {name: used[name] for name in sorted(set(bindings.values()))},
    }


def _class_name(path: str) -> str:
    """Encounter.statusHistory -> EncounterStatusHistory, as fhir.resources names its models."""
    return "".join(part[0].upper() + part[1:] for part in path.split("."))


def read_r4_only(schema: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The types that R4B dropped or defined anew, with the types of their backbone elements."""
    required = _find_required(folder)
    return {
        name: read_type(schema[name], required[name])
        for name in sorted(schema)
        if name.partition("_")[0] in R4_ONLY
    }


def _find_required(folder: Path) -> defaultdict[str, set[str]]:
    """Elements that must be there, by the name that their type has in the JSON schema.

    From the structure definitions, because the schema demands neither primitives, which may be
    there as extensions alone, nor choices.
    """
    required: defaultdict[str, set[str]] = defaultdict(set)
    for name in R4_ONLY:
        definition = json.loads((folder / f"StructureDefinition-{name}.json").read_text())
        for element in definition["snapshot"]["element"]:
            *parents, child = element["path"].split(".")
            if parents and element["min"] > 0:
                backbone = parents[-1][0].upper() + parents[-1][1:]
                required[name if len(parents) == 1 else f"{name}_{backbone}"].add(child)
    return required


def read_type(definition: dict[str, Any], required: set[str]) -> dict[str, Any]:
    """A type of the JSON schema: base, elements as `type`, `type*` (list), and choices.

    Both what is required and the choices are named as in the structure definitions: `value[x]`.
    """
    properties = {
        name: content
        for name, content in definition["properties"].items()
        if not name.startswith("_") and name != "resourceType"
    }
    base = "DomainResource" if "meta" in properties else "BackboneElement"
    own = {
        name: content
        for name, content in properties.items()
        if name not in _BASES[base] | _EXTENSIONS
    }
    choices = _find_choices(own)
    if unknown := required - own.keys() - choices.keys():
        raise ValueError(f"schema and structure definition disagree about {sorted(unknown)}")
    return {
        "base": base,
        "elements": {name: _read_element(name, content) for name, content in own.items()},
        "required": sorted(required),
        "choices": choices,
    }


def _read_element(name: str, content: dict[str, Any]) -> str | list[str]:
    """`type`, `type*` for a list, or the codes of a bound element."""
    if "items" in content:
        return f"{_read_element(name, content['items'])}*"
    if "enum" in content:
        return content["enum"]
    if "$ref" in content:
        return content["$ref"].rpartition("/")[2]
    suffix = _PRIMITIVE_SUFFIX.search(name)  # the schema repeats the rule of a primitive here
    if suffix is None:
        raise ValueError(f"the type of {name} is not known")
    return suffix[0][0].lower() + suffix[0][1:]


def _find_choices(elements: dict[str, Any]) -> dict[str, list[str]]:
    """Elements of one choice (value[x]): named by their types, under the same description."""
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name, content in elements.items():
        what = _read_element(name, content)
        if isinstance(what, str) and name.endswith(what[0].upper() + what[1:]):
            groups[name[: -len(what)], content.get("description", "")].append(name)
    return {f"{stem}[x]": names for (stem, _), names in groups.items() if len(names) > 1}


if __name__ == "__main__":
    main()

"""What an export brought, as it is kept in the delivery (`.export/export.json`).

The folder is hidden, so that ingest does not take it for records. The files of errors beside it
hold what the server said, which may name patients; the summary holds codes and numbers only.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from medplatform.bulk_export import outcome
from medplatform.bulk_export.content import read_lines
from medplatform.bulk_export.manifest import ExportFile, Kind
from medplatform.bulk_export.workspace import CompleteFile
from medplatform.modalities.options import OPTIONS, DeliveryOptions

_RECORD = Path(".export") / "export.json"
# 4.1 was the ballot of R4B.
_RELEASES: dict[str, Literal["4.0", "4.3", "5.0"]] = {
    "4.0": "4.0",
    "4.1": "4.3",
    "4.3": "4.3",
    "5.0": "5.0",
}


class FetchedFile(BaseModel):
    """A file of the delivery; `resources` are its lines, blank ones aside."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    resource_type: str
    sha256: str
    bytes: int
    resources: int


class FetchedExport(BaseModel):
    """What an export brought.

    Parameters
    ----------
    delivery
        Name of the delivery; None where the export held nothing, which is no delivery.
    transaction_time
        Up to when the server says that the export is complete.
    fhir_version
        What the server says it speaks, e.g. `4.0.1`.
    request
        What was asked for.
    source
        What the lake calls the server; None where its deliveries have no name for it.
    issues
        What the server reported, as {"severity/code": times}.
    problems
        Files that are not what the manifest announces, and were accepted.
    """

    model_config = ConfigDict(frozen=True)

    delivery: str | None
    transaction_time: str
    fhir_version: str | None
    digest: str
    request: dict[str, Any]
    source: str | None = None
    files: tuple[FetchedFile, ...]
    issues: dict[str, int]
    problems: tuple[str, ...]

    @property
    def options(self) -> DeliveryOptions:
        """What the delivery declares: the server, and its release of FHIR if that is known."""
        version = re.match(r"[45]\.\d", self.fhir_version or "")
        release = _RELEASES.get(version[0]) if version else None
        return DeliveryOptions(source=self.source, fhir_release=release)

    @property
    def resources(self) -> dict[str, int]:
        """Resources per type."""
        counts: Counter[str] = Counter()
        for file in self.files:
            if file.kind == "output":
                counts[file.resource_type] += file.resources
        return dict(sorted(counts.items()))

    @property
    def deleted(self) -> int:
        """Bundles that name deleted resources."""
        return sum(file.resources for file in self.files if file.kind == "deleted")

    @property
    def is_complete(self) -> bool:
        """Whether the server reported no error and each file is what it announced."""
        return not self.problems and not outcome.is_serious(Counter(self.issues))


def summarise(
    files: Sequence[ExportFile], complete: dict[str, CompleteFile], folder: Path, **facts: Any
) -> FetchedExport:
    """What the files of an export hold.

    Parameters
    ----------
    folder
        Where they are.
    facts
        The fields of FetchedExport that the files do not say.
    """
    found = [
        FetchedFile(
            name=complete[file.name].stored,
            kind=file.kind,
            resource_type=file.resource_type,
            sha256=complete[file.name].sha256,
            bytes=complete[file.name].bytes,
            resources=complete[file.name].lines,
        )
        for file in files
    ]
    problems = [f"{file.name}: {file.problem}" for file in complete.values() if file.problem]
    issues = count_issues(folder / file.name for file in found if file.kind == "error")
    if not any(file.resources for file in found if file.kind != "error"):
        facts["delivery"] = None
    return FetchedExport(
        files=tuple(found), issues=issues, problems=tuple(sorted(problems)), **facts
    )


def count_issues(paths: Iterable[Path]) -> dict[str, int]:
    """The issues of files of OperationOutcomes by severity and code."""
    issues: Counter[str] = Counter()
    for path in paths:
        for line in read_lines(path):
            issues += outcome.count_issues(line)
    return dict(sorted(issues.items()))


def write_export(folder: Path, export: FetchedExport) -> None:
    """Keep the summary with the files, and what the delivery declares."""
    path = folder / _RECORD
    path.parent.mkdir(exist_ok=True)
    path.write_text(export.model_dump_json(indent=2))
    declared = export.options
    if declared != DeliveryOptions():
        (folder / OPTIONS).write_text(declared.model_dump_json(exclude_defaults=True))


def read_export(folder: Path) -> FetchedExport | None:
    """The summary of a delivery; None where it is none of an export."""
    try:
        return FetchedExport.model_validate_json((folder / _RECORD).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None

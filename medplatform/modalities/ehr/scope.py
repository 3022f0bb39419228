"""What a resource alone does not know: whose it is, how its dates move, how ids become tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from medplatform.modalities.ehr.element import Element
from medplatform.modalities.ehr.issue import refused
from medplatform.modalities.ehr.moment import read_moment
from medplatform.modalities.ehr.subjects import find_id
from medplatform.privacy import Identity, Subject

Row = dict[str, Any]
_COUNTED_VERSION_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Scope:
    """The subject, the id and the Bundle of one resource that becomes rows."""

    identity: Identity
    subject: Subject
    resource_id: str
    aliases: Mapping[str, str]

    def moment(self, element: Element, name: str) -> datetime | None:
        """A date or time, moved by the patient's shift."""
        text = element.text(name)
        if text is None:
            return None
        try:
            return self.subject.shift(read_moment(text))
        except (ValueError, OverflowError):
            raise refused("value.out_of_range", element.of(name)) from None

    def encounter(self, resource: Element) -> str | None:
        """Token of the encounter that a resource refers to."""
        reference = resource.child("encounter").text("reference")
        local_id = find_id(reference, "Encounter", self.aliases) if reference else None
        return self.identity.token("Encounter", local_id) if local_id else None

    def row(self, resource: Element, resource_type: str, id_column: str) -> Row:
        """The columns that all tables but the patients' have."""
        row: Row = {
            id_column: self.identity.token(resource_type, self.resource_id),
            **self.version(resource),
        }
        if resource_type != "Encounter":
            row["encounter_id"] = self.encounter(resource)
        return row

    def version(self, resource: Element) -> Row:
        """Whose record it is, and which version."""
        meta = resource.child("meta")
        version = meta.text("versionId") or ""
        # Servers that count versions keep their order; any other version id is an identifier.
        if version and not (version.isdecimal() and len(version) <= _COUNTED_VERSION_DIGITS):
            version = self.identity.token("version", version)
        return {
            "patient_id": self.subject.patient_id,
            "version_id": version,
            "last_updated_at": self.moment(meta, "lastUpdated"),
        }

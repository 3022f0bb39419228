"""What is asked of a server.

HL7 FHIR Bulk Data Access 2.0 and 3.0, "Bulk Data Kick-off Request".
"""

from hashlib import sha256
from typing import Annotated, Any, Literal

import httpx
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from medplatform.bulk_export.errors import RequestError
from medplatform.bulk_export.instants import is_instant

OUTPUT_FORMAT = "application/fhir+ndjson"

_TYPE = r"[A-Z][A-Za-z]{1,63}"


class ExportRequest(BaseModel):
    """A `$export` of a FHIR server. It holds no secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: Annotated[str, Field(description="Base address of the FHIR server.")]
    level: Annotated[
        Literal["system", "group", "patient"],
        Field(description="Everything, the members of a group, or all patients."),
    ] = "system"
    group_id: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z0-9.-]{1,64}$", description="Id of the Group, at level `group`."),
    ] = None
    types: Annotated[
        tuple[Annotated[str, Field(pattern=f"^{_TYPE}$")], ...],
        Field(description="Resource types (`_type`); all where there are none."),
    ] = ()
    type_filters: Annotated[
        tuple[Annotated[str, Field(pattern=rf"^{_TYPE}\?\S+$")], ...],
        Field(description="FHIR searches (`_typeFilter`), e.g. `Observation?category=laboratory`."),
    ] = ()
    since: Annotated[
        str | None,
        Field(description="Only what changed after this instant (`_since`), with a time zone."),
    ] = None
    allow_partial_manifests: Annotated[
        bool,
        Field(description="Ask for the manifest in pages (Bulk Data 3.0). Not all servers know."),
    ] = False

    @field_validator("base_url")
    @classmethod
    def _is_base(cls, value: str) -> str:
        try:
            url = httpx.URL(value.strip())
        except httpx.InvalidURL:
            raise ValueError("is no URL") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("must begin with https://")
        if url.userinfo or url.query or url.fragment:
            raise ValueError("must hold no user, password, query or fragment")
        return str(url).rstrip("/")

    @field_validator("since")
    @classmethod
    def _is_instant(cls, value: str | None) -> str | None:
        if value is not None and not is_instant(value):
            raise ValueError("must be an instant with time zone, e.g. 2026-01-31T00:00:00Z")
        return value

    @model_validator(mode="after")
    def _group_fits_level(self) -> "ExportRequest":
        if (self.level == "group") != (self.group_id is not None):
            raise ValueError("group_id belongs to level group, and only to it")
        return self

    @classmethod
    def of(cls, **fields: Any) -> "ExportRequest":
        """A request, from what a person typed.

        Raises
        ------
        RequestError
            A field cannot be used; the message names it, not its value.
        """
        try:
            return cls(**fields)
        except ValidationError as error:
            reasons = "; ".join(
                f"{'.'.join(map(str, e['loc']))} {e['msg'].removeprefix('Value error, ')}".strip()
                for e in error.errors(include_input=False, include_url=False)
            )
            raise RequestError(f"The export cannot be asked for: {reasons}.") from None

    @property
    def url(self) -> httpx.URL:
        """Where the export is asked for, with its parameters."""
        paths = {"system": "", "patient": "/Patient", "group": f"/Group/{self.group_id}"}
        parameters = {"_outputFormat": OUTPUT_FORMAT}
        if self.since:
            parameters["_since"] = self.since
        # One parameter with commas, since servers exist that take the first of repeated ones only;
        # a comma within a search is then escaped once more.
        if self.types:
            parameters["_type"] = ",".join(self.types)
        if self.type_filters:
            searches = (search.replace(",", "%2C") for search in self.type_filters)
            parameters["_typeFilter"] = ",".join(searches)
        if self.allow_partial_manifests:
            parameters["allowPartialManifests"] = "true"
        return httpx.URL(f"{self.base_url}{paths[self.level]}/$export", params=parameters)

    @property
    def digest(self) -> str:
        """What an unfinished export is recognised by: SHA-256 in hex of all that was asked."""
        return sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def series(self) -> str:
        """Equal for requests that differ in `since` only: those that continue each other."""
        return self.model_copy(update={"since": None, "allow_partial_manifests": False}).digest

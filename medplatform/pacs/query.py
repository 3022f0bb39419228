"""Which images are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from itertools import product
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medplatform.pacs.errors import QueryError
from medplatform.pacs.header import InstanceKey

# Without wildcards and list separators, which would ask for more than is meant (PS3.4, C.2.2.2).
_Text = Annotated[str, Field(pattern=r"^[^*?\\,\x00-\x1f]{1,64}$")]
_Uid = Annotated[str, Field(pattern=r"^[0-9.]{1,64}$")]
_Modality = Annotated[str, Field(pattern=r"^[A-Z0-9_]{1,16}$")]


class Study(NamedTuple):
    """What a search says about a study; '' and None where it does not say."""

    uid: str
    date: str = ""
    patient: str = ""
    accession: str = ""
    modalities: tuple[str, ...] = ()
    series: int | None = None


@dataclass(slots=True)
class Listing:
    """The instances of each series, and how many more the server counts and does not list."""

    series: list[list[InstanceKey]] = field(default_factory=list)
    missing_series: int = 0
    missing_instances: int = 0


class Query(BaseModel):
    """Which images are asked for; an empty field asks for all.

    Parameters
    ----------
    modalities
        DICOM modalities of the series, e.g. `CT`.
    since, until
        First and last Study Date (0008,0020). Studies without a date are then left out.
    patients, accessions
        Patient IDs (0010,0020) and accession numbers (0008,0050), exactly.
    studies, series
        Study and Series Instance UIDs.
    """

    model_config = ConfigDict(frozen=True)

    modalities: tuple[_Modality, ...] = ()
    since: date | None = None
    until: date | None = None
    patients: tuple[_Text, ...] = ()
    accessions: tuple[_Text, ...] = ()
    studies: tuple[_Uid, ...] = ()
    series: tuple[_Uid, ...] = ()

    @classmethod
    def of(cls, **fields: Any) -> Self:
        """A query.

        Raises
        ------
        QueryError
            A field is unusable; the message names the field, never the value.
        """
        try:
            query = cls(**fields)
        except ValidationError as error:
            names = sorted({str(e["loc"][0]) for e in error.errors(include_input=False)})
            raise QueryError(
                f"The images cannot be asked for: {', '.join(names)} hold something unusable. "
                f"UIDs have digits and dots; identifiers no wildcard, comma or backslash; dates "
                f"are written as 2026-01-31."
            ) from None
        if query.since and query.until and query.since > query.until:
            raise QueryError("The images cannot be asked for: since is later than until.")
        return query

    @property
    def digest(self) -> str:
        """SHA-256 in hex of all that is asked."""
        return sha256(self.model_dump_json().encode()).hexdigest()

    def searches(self) -> Iterator[dict[str, str]]:
        """Filters of the searches for studies, by keyword: what one search can ask."""
        shared = {"StudyDate": dates} if (dates := self._dates) else {}
        name, values = self._narrowest
        for value, modality in product(values or [""], self.modalities or [""]):
            filters = dict(shared)
            if value:
                filters[name] = value
            if modality:
                filters["ModalitiesInStudy"] = modality
            yield filters

    def admits(self, study: Study) -> bool:
        """Whether a study was asked for, as far as it says; servers may ignore a filter."""
        day = study.date.replace(".", "")
        first, last = (f"{d:%Y%m%d}" if d else "" for d in (self.since, self.until))
        return (
            (not self.studies or study.uid in self.studies)
            and (not self.patients or not study.patient or study.patient in self.patients)
            and (not self.accessions or not study.accession or study.accession in self.accessions)
            and (not day or ((not first or day >= first) and (not last or day <= last)))
            and (
                not self.modalities
                or not study.modalities
                or not set(self.modalities).isdisjoint(study.modalities)
            )
        )

    def admits_series(self, uid: str, modality: str) -> bool:
        """Whether a series of such a study was asked for."""
        return (not self.series or uid in self.series) and (
            not self.modalities or not modality or modality in self.modalities
        )

    @property
    def _dates(self) -> str:
        """A range of dates (PS3.4, C.2.2.2.5)."""
        if not self.since and not self.until:
            return ""
        first, last = (f"{d:%Y%m%d}" if d else "" for d in (self.since, self.until))
        return f"{first}-{last}"

    @property
    def _narrowest(self) -> tuple[str, tuple[str, ...]]:
        """The filter that leaves least, one value a search; the others are checked here."""
        if self.studies:
            return "StudyInstanceUID", self.studies
        if self.accessions:
            return "AccessionNumber", self.accessions
        return "PatientID", self.patients

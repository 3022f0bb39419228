"""QIDO-RS (PS3.18, 10.6): which studies, series and instances a server has.

Pages are asked for until one is empty, since servers exist that give fewer than they were asked
for, give all at once, or the same page for ever.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from medplatform.pacs.errors import SearchFailed
from medplatform.pacs.header import InstanceKey
from medplatform.pacs.query import Listing, Query, Study
from medplatform.transfer.client import Client
from medplatform.transfer.errors import AuthorizationFailed

PAGE = 500
_MOST_PAGES = 100_000
_STUDY_DATE = "00080020"
_ACCESSION_NUMBER = "00080050"
_MODALITY = "00080060"
_MODALITIES_IN_STUDY = "00080061"
_PATIENT_ID = "00100020"
_STUDY_INSTANCE_UID = "0020000D"
_SERIES_INSTANCE_UID = "0020000E"
_SOP_INSTANCE_UID = "00080018"
_SERIES_OF_STUDY = "00201206"
_INSTANCES_OF_SERIES = "00201209"

Attributes = dict[str, Any]


class Search:
    """Searches one server. Safe to use from several threads."""

    def __init__(self, client: Client, base_url: str) -> None:
        self._client = client
        self._base_url = base_url

    def studies(self, query: Query) -> Iterator[Study]:
        """The studies that a query may find images in, each once.

        Raises
        ------
        SearchFailed
            The server does not search, or not so that all can be found.
        AuthorizationFailed
            It wants to know who asks.
        """
        seen: set[str] = set()
        for filters in query.searches():
            for found in self._pages("studies", _STUDY_INSTANCE_UID, filters):
                study = _study(found)
                if study.uid not in seen and query.admits(study):
                    seen.add(study.uid)
                    yield study

    def instances(self, study: Study, query: Query) -> Listing:
        """The instances of a study that a query asks for, each once."""
        found = Listing()
        path = f"studies/{segment(study.uid)}/series"
        series = list(self._pages(path, _SERIES_INSTANCE_UID, {}))
        found.missing_series = max((study.series or 0) - len(series), 0)
        for one in series:
            uid = _text(one, _SERIES_INSTANCE_UID)
            if not query.admits_series(uid, _text(one, _MODALITY)):
                continue
            instances = self._pages(f"{path}/{segment(uid)}/instances", _SOP_INSTANCE_UID, {})
            keys = [InstanceKey(study.uid, uid, _text(i, _SOP_INSTANCE_UID)) for i in instances]
            counted = _number(one, _INSTANCES_OF_SERIES) or 0
            found.missing_instances += max(counted - len(keys), 0)
            found.series.append(keys)
        return found

    def _pages(self, path: str, name: str, filters: dict[str, str]) -> Iterator[Attributes]:
        """All that matches, each UID (attribute `name`) once."""
        seen: set[str] = set()
        offset = 0
        for _ in range(_MOST_PAGES):
            page = self._page(path, {**filters, "limit": str(PAGE), "offset": str(offset)})
            new = {uid: found for found in page if (uid := _text(found, name)) not in seen}
            if "" in new:
                raise SearchFailed(
                    f"The server lists {_last(path)} without a UID. Tell its operator."
                )
            yield from new.values()
            seen |= new.keys()
            offset += len(page)
            if not page or (not new and len(page) != PAGE):
                return
            if not new:
                break
        raise SearchFailed(
            f"The server gives the same page of {_last(path)} for every offset, so that not all "
            f"can be found. Ask for fewer, e.g. by dates."
        )

    def _page(self, path: str, parameters: dict[str, str]) -> list[Attributes]:
        what = f"a list of {_last(path)}"
        reply = self._client.ask(
            "GET",
            str(httpx.URL(f"{self._base_url}/{path}", params=parameters)),
            what=what,
            headers={"Accept": "application/dicom+json"},
        )
        if reply.status == 204:
            return []
        if reply.status in (401, 403):
            raise AuthorizationFailed(
                f"The server answered {reply.status} for {what}. Give the user and the file that "
                f"holds the password, or the file that holds a token, and ask its operator whether "
                f"they may search."
            )
        if reply.status == 404 and _last(path) != "studies":
            return []  # removed since its study was listed
        document = _json(reply.body) if reply.status in (200, 206) else None
        if not isinstance(document, list) or not all(isinstance(one, dict) for one in document):
            raise SearchFailed(
                f"The server answered {reply.status} for {what}, and nothing that can be used. "
                f"Check that the address is that of its DICOMweb service, e.g. ending in "
                f"/dicom-web."
            )
        return document


def segment(uid: str) -> str:
    """A UID as a part of a path, whatever a server calls one.

    Raises
    ------
    SearchFailed
        It would lead elsewhere.
    """
    if not uid.strip("."):
        raise SearchFailed("The server lists something whose UID is none. Tell its operator.")
    return quote(uid, safe="")


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _study(found: Attributes) -> Study:
    return Study(
        uid=_text(found, _STUDY_INSTANCE_UID),
        date=_text(found, _STUDY_DATE),
        patient=_text(found, _PATIENT_ID),
        accession=_text(found, _ACCESSION_NUMBER),
        modalities=tuple(_values(found, _MODALITIES_IN_STUDY)),
        series=_number(found, _SERIES_OF_STUDY),
    )


def _values(found: Attributes, tag: str) -> list[str]:
    """The values of an attribute (PS3.18, F.2)."""
    attribute = found.get(tag)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return [
        str(value).strip("\0 ")
        for value in (values if isinstance(values, list) else [])
        if isinstance(value, str | int) and value != ""
    ]


def _text(found: Attributes, tag: str) -> str:
    return next(iter(_values(found, tag)), "")


def _number(found: Attributes, tag: str) -> int | None:
    text = _text(found, tag)
    return int(text) if text.isascii() and text.isdigit() else None

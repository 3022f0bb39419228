"""C-FIND (PS3.4, C.4.1): which studies, series and instances a peer has."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,  # pyright: ignore[reportAttributeAccessIssue]
)

from medplatform.pacs.dimse.node import Node, Peer, associate
from medplatform.pacs.errors import PeerRefused, SearchFailed
from medplatform.pacs.header import InstanceKey
from medplatform.pacs.query import Listing, Query, Study

_FIND = UID(str(StudyRootQueryRetrieveInformationModelFind))
_PENDING = (0xFF00, 0xFF01)
_STUDY_KEYS = (
    "StudyInstanceUID",
    "StudyDate",
    "PatientID",
    "AccessionNumber",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedSeries",
)
_SERIES_KEYS = ("SeriesInstanceUID", "Modality", "NumberOfSeriesRelatedInstances")
_IMAGE_KEYS = ("SOPInstanceUID", "SOPClassUID")


class Finder:
    """Searches one peer. `sop_classes` fills with what instances are found."""

    def __init__(self, node: Node, peer: Peer) -> None:
        self._node = node
        self._peer = peer
        self.sop_classes: dict[InstanceKey, str] = {}

    def studies(self, query: Query) -> Iterator[Study]:
        """The studies that a query may find images in, each once.

        Raises
        ------
        SearchFailed, PeerRefused, ServerUnavailable
            The peer does not search.
        """
        seen: set[str] = set()
        for filters in query.searches():
            with self._associate() as association:
                # All of them first, since the peer would not wait for what is done with each.
                found = [_study(one) for one in _find(association, "STUDY", _STUDY_KEYS, filters)]
            for study in found:
                if study.uid and study.uid not in seen and query.admits(study):
                    seen.add(study.uid)
                    yield study

    def instances(self, study: Study, query: Query) -> Listing:
        """The instances of a study that a query asks for, each once."""
        listing = Listing()
        path = {"StudyInstanceUID": study.uid}
        with self._associate() as association:
            series = {
                _text(one, "SeriesInstanceUID"): one
                for one in _find(association, "SERIES", _SERIES_KEYS, path)
            }
            listing.missing_series = max((study.series or 0) - len(series), 0)
            for uid, one in series.items():
                if not query.admits_series(uid, _text(one, "Modality")):
                    continue
                images = _find(
                    association, "IMAGE", _IMAGE_KEYS, {**path, "SeriesInstanceUID": uid}
                )
                classes = {
                    InstanceKey(study.uid, uid, _text(image, "SOPInstanceUID")): _text(
                        image, "SOPClassUID"
                    )
                    for image in images
                }
                self.sop_classes |= classes
                counted = _number(one, "NumberOfSeriesRelatedInstances") or 0
                listing.missing_instances += max(counted - len(classes), 0)
                listing.series.append(list(classes))
        return listing

    @contextmanager
    def _associate(self) -> Iterator[Association]:
        with associate(self._node, self._peer, [build_context(_FIND)]) as association:
            if not association.accepted_contexts:
                raise PeerRefused(f"{self._peer} does not let itself be searched (C-FIND).")
            yield association


def _identifier(level: str, keys: tuple[str, ...], filters: dict[str, str]) -> Dataset:
    identifier = Dataset()
    identifier.SpecificCharacterSet = "ISO_IR 192"
    identifier.QueryRetrieveLevel = level
    for keyword in (*keys, *filters):
        setattr(identifier, keyword, filters.get(keyword, ""))
    return identifier


def _find(
    association: Association, level: str, keys: tuple[str, ...], filters: dict[str, str]
) -> Iterator[Dataset]:
    identifier = _identifier(level, keys, filters)
    for status, found in association.send_c_find(identifier, _FIND):
        code = status.get("Status")
        if code in _PENDING:
            if found is None:
                raise SearchFailed("The peer sends a match that cannot be read.")
            yield found
        elif code is None:
            raise SearchFailed(
                "The peer stopped answering in the middle of a search. Run this again later."
            )
        elif code != 0:
            raise SearchFailed(
                f"The peer does not search: status 0x{code:04X}. Ask for less, e.g. by dates."
            )


def _study(found: Dataset) -> Study:
    modalities = found.get("ModalitiesInStudy") or []
    return Study(
        uid=_text(found, "StudyInstanceUID"),
        date=_text(found, "StudyDate"),
        patient=_text(found, "PatientID"),
        accession=_text(found, "AccessionNumber"),
        modalities=tuple([modalities] if isinstance(modalities, str) else map(str, modalities)),
        series=_number(found, "NumberOfStudyRelatedSeries"),
    )


def _text(found: Dataset, keyword: str) -> str:
    return str(found.get(keyword) or "").strip("\0 ")


def _number(found: Dataset, keyword: str) -> int | None:
    text = _text(found, keyword)
    return int(text) if text.isascii() and text.isdigit() else None

"""Structured reports (PS3.3 A.35) to measurements, evaluations and regions; key object selections.

Any tree of content is read, that of TID 1500 best. Numbers, codes, shapes and references are kept;
text, names and dates of the content are not. Concepts of private coding schemes stay empty.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydicom import Dataset

from medplatform.modalities.imaging.annotation.codes import as_columns, read_concept, read_unit
from medplatform.modalities.imaging.annotation.content import (
    Context,
    ImageReference,
    Region,
    concept_name,
    extend,
    is_context,
    read_images,
    read_region,
    value_type,
)
from medplatform.modalities.imaging.annotation.sources import made_at
from medplatform.modalities.imaging.elements import VALUE_ERRORS, Elements
from medplatform.modalities.imaging.records import Annotation
from medplatform.modalities.imaging.values import to_number, to_uid

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
SEGMENTATIONS = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.66.4",
        "1.2.840.10008.5.1.4.1.1.66.5",
        "1.2.840.10008.5.1.4.1.1.66.7",
    }
)

_DEEPEST = 64
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([Ee][+-]?\d+)?")
_OBSERVER_TYPE = "DCM:121005"
_OBSERVERS = {"DCM:121006": "manual", "DCM:121007": "automatic"}


class ReportReader:
    """Walks the content of one report."""

    def __init__(self, elements: Elements) -> None:
        self.elements = elements
        self.written_at = made_at(elements, "Content")
        self.source = self._source()
        self.series, self.segmentations = self._evidence()
        self._number = 0
        self._groups = 0

    def read(self) -> Iterator[Annotation]:
        """The annotations of the report in the order of its content."""
        root = self.elements.dataset
        if self.elements.read("SOPClassUID", to_uid) == KEY_OBJECT_SELECTION:
            yield from self._key_images(root)
        else:
            yield from self._visit(root, Context(), 0)

    def _visit(self, item: Dataset, context: Context, depth: int) -> Iterator[Annotation]:
        """An item, then what it holds. Items by reference are not followed, so this ends."""
        kind = value_type(self.elements, item)
        children = self.elements.items("ContentSequence", item)
        inner = extend(self.elements, context, item, [self._resolve(c) for c in children])
        if kind == "CONTAINER" and depth:
            self._groups += 1
            inner = replace(inner, group_number=self._groups)
        elif kind == "NUM":
            yield self._measurement(item, inner)
        elif kind == "CODE" and not is_context(self.elements, item):
            yield from self._evaluation(item, inner)
        elif kind in ("SCOORD", "SCOORD3D"):
            yield self._region(item, context)
            return
        if depth > _DEEPEST:
            self.elements.remark("dicom.bad_value", "ContentSequence")
            return
        for child in children:
            yield from self._visit(child, inner, depth + 1)

    def _measurement(self, item: Dataset, context: Context) -> Annotation:
        """A NUM item (TID 300)."""
        elements = self.elements
        value = elements.item("MeasuredValueSequence", item)
        columns: dict[str, Any] = as_columns("", concept_name(elements, item))
        if value is None:
            why = read_concept(elements, "NumericValueQualifierCodeSequence", item)
            columns |= as_columns("value", why)
        else:
            columns |= {
                "value_number": self._number_of(value),
                "value_text": _decimal(elements, value),
                "unit": read_unit(elements, value),
            }
        return self._annotate("measurement", context, columns, context.regions)

    def _evaluation(self, item: Dataset, context: Context) -> Iterator[Annotation]:
        """A CODE item, unless nothing of it is public."""
        name = concept_name(self.elements, item)
        answer = read_concept(self.elements, "ConceptCodeSequence", item)
        if answer or name:
            columns = {**as_columns("", name), **as_columns("value", answer)}
            yield self._annotate("evaluation", context, columns, context.regions)

    def _region(self, item: Dataset, context: Context) -> Annotation:
        region = read_region(self.elements, item)
        columns: dict[str, Any] = as_columns("", concept_name(self.elements, item))
        return self._annotate("region", context, columns, (region,))

    def _key_images(self, root: Dataset) -> Iterator[Annotation]:
        """The images of a key object selection, under its title (TID 2010)."""
        title = as_columns("", concept_name(self.elements, root))
        for item in self.elements.items("ContentSequence", root):
            if value_type(self.elements, item) in ("IMAGE", "COMPOSITE", "WAVEFORM"):
                for image in read_images(self.elements, item):
                    yield self._annotate("key_image", Context(images=(image,)), title, ())

    def _annotate(
        self,
        annotation_type: str,
        context: Context,
        columns: dict[str, Any],
        regions: tuple[Region, ...],
    ) -> Annotation:
        self._number += 1
        region = regions[0] if len(regions) == 1 else None
        images = (region.images if region else ()) or context.images
        segmented = {i for i in images if i.sop_instance_uid in self.segmentations}
        segment = segmented.pop() if len(segmented) == 1 else None
        image = _only([i for i in images if i.sop_instance_uid not in self.segmentations])
        uid = image.sop_instance_uid if image else None
        return Annotation(
            number=self._number,
            annotation_type=annotation_type,
            instance_uid=uid,
            series_uid=self.series.get(uid or "") or context.source_series_uid,
            frame_of_reference_uid=region.frame_of_reference_uid if region else None,
            segmentation_uid=segment.sop_instance_uid if segment else None,
            tracking_uid=context.tracking_uid,
            annotated_at=context.observed_at or self.written_at,
            columns={
                **dict(context.columns),
                **columns,
                **(region.columns() if region else {}),
                "group_number": context.group_number,
                "frame_number": (image.frame_number or 1) if image else None,
                "segment_number": segment.segment_number if segment else None,
                "source": self.source,
            },
        )

    def _number_of(self, value: Dataset) -> float | None:
        """Floating Point Value (0040,A161), exact, else Numeric Value (0040,A30A)."""
        exact = self.elements.read("FloatingPointValue", to_number, value)
        return self.elements.read("NumericValue", to_number, value) if exact is None else exact

    def _resolve(self, item: Dataset) -> Dataset:
        """What an item by reference refers to (0040,DB73), any other item itself."""
        path = self.elements.value("ReferencedContentItemIdentifier", item)
        if path is None:
            return item
        found = self.elements.dataset
        try:
            for position in [path] if isinstance(path, int) else list(path)[1:]:
                found = self.elements.items("ContentSequence", found)[position - 1]
        except VALUE_ERRORS:
            self.elements.remark("dicom.bad_value", "ReferencedContentItemIdentifier")
            return item
        return found

    def _source(self) -> str | None:
        """Observer Type (TID 1002): a person measures by hand, a device by itself."""
        for item in self.elements.items("ContentSequence"):
            name = concept_name(self.elements, item)
            if name and name.code == _OBSERVER_TYPE:
                kind = read_concept(self.elements, "ConceptCodeSequence", item)
                return _OBSERVERS.get(kind.code) if kind else None
        return None

    def _evidence(self) -> tuple[dict[str, str], set[str]]:
        """The series of each image that the report rests on, and the segmentations among them."""
        series: dict[str, str] = {}
        segmentations: set[str] = set()
        for sequence in (
            "CurrentRequestedProcedureEvidenceSequence",
            "PertinentOtherEvidenceSequence",
        ):
            for study in self.elements.items(sequence):
                for item in self.elements.items("ReferencedSeriesSequence", study):
                    uid = self.elements.read("SeriesInstanceUID", to_uid, item)
                    for image in self.elements.items("ReferencedSOPSequence", item):
                        name = self.elements.read("ReferencedSOPInstanceUID", to_uid, image)
                        kind = self.elements.read("ReferencedSOPClassUID", to_uid, image)
                        if name and uid:
                            series[name] = uid
                        if name and kind in SEGMENTATIONS:
                            segmentations.add(name)
        return series, segmentations


def _only(images: list[ImageReference]) -> ImageReference | None:
    """The one image that is named, once or more often."""
    found = set(images)
    return found.pop() if len(found) == 1 else None


def _decimal(elements: Elements, value: Dataset) -> str | None:
    """Numeric Value (0040,A30A) as it was written."""
    number = elements.value("NumericValue", value)
    text = str(getattr(number, "original_string", number)).strip() if number is not None else ""
    return text if _DECIMAL.fullmatch(text) else None

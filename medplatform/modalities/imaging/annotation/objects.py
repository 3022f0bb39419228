"""The annotations of a DICOM object, whichever of the annotating kinds it is."""

from collections.abc import Callable, Iterable

from pydicom import Dataset

from medplatform.modalities.imaging.annotation import shapes
from medplatform.modalities.imaging.annotation.reports import ReportReader
from medplatform.modalities.imaging.annotation.shapes import annotate_shapes
from medplatform.modalities.imaging.annotation.structures import annotate_structures
from medplatform.modalities.imaging.elements import Elements
from medplatform.modalities.imaging.records import Annotation, Problem

_READERS: dict[str, Callable[[Elements], Iterable[Annotation]]] = {
    "1.2.840.10008.5.1.4.1.1.481.3": annotate_structures,
    shapes.STORAGE: annotate_shapes,
}
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
"""All structured reports and key object selections (PS3.4 B.5)."""


def read_annotations(
    dataset: Dataset, class_uid: str | None
) -> tuple[list[Annotation], list[Problem]]:
    """Annotations of an RTSTRUCT, SR, KO or ANN, and what could not be used; none of any other."""
    elements = Elements(dataset)
    reader = _READERS.get(class_uid or "")
    if reader is None and (class_uid or "").startswith(_REPORTS):
        reader = _read_report
    return (list(reader(elements)) if reader else []), elements.problems


def _read_report(elements: Elements) -> Iterable[Annotation]:
    return ReportReader(elements).read()

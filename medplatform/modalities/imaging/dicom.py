"""One DICOM file to a header and decoded frames, with pydicom, inside the reading process.

Sizes are checked before anything is inflated. What cannot be read raises `Unusable`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID, SegmentationStorage

from medplatform.modalities.imaging.annotation.objects import read_annotations
from medplatform.modalities.imaging.deidentify import (
    PLATFORM_POLICY,
    Policy,
    Treatment,
    pixel_treatment,
    prepare,
    rules_of,
)
from medplatform.modalities.imaging.deidentify.columns import withhold, withhold_moment
from medplatform.modalities.imaging.description import (
    check_size,
    settle_description,
    settle_transfer_syntax,
)
from medplatform.modalities.imaging.elements import element
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.header import read_header
from medplatform.modalities.imaging.image import read_frames
from medplatform.modalities.imaging.opening import DicomFile
from medplatform.modalities.imaging.records import Cell, Header, Limits, Reading
from medplatform.modalities.imaging.segmentation import read_segmentation

LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
SEGMENTATIONS = frozenset({str(SegmentationStorage), LABEL_MAP_SEGMENTATION_STORAGE})


def read_dicom(path: Path, limits: Limits, policy: Policy = PLATFORM_POLICY) -> Reading:
    """Read a file; its frames are decoded as they are asked for.

    Raises
    ------
    Unusable
        The file is not DICOM, damaged, too large, or its pixels cannot be decoded; also while
        the cells are read.
    """
    file = DicomFile(path, limits, rules_of(policy.of_lake).may_keep_private)
    header = read_header(file.elements)
    with _named(header):
        treatment = pixel_treatment(file.elements, policy)
        reading = _read(file, header, limits, treatment)
    is_clean = file.has_pixels and treatment.is_clean
    header.prepared = prepare(file.elements, policy.of_lake, is_clean_of_text=is_clean)
    withhold(header, policy)
    cells = (withhold_moment(cell, policy) for cell in reading.cells)
    return Reading(reading.header, _cells(cells, header))


@contextmanager
def _named(header: Header) -> Iterator[None]:
    """Have a failure say which image of which series and SOP class the file is."""
    try:
        yield
    except Unusable as error:
        error.failure = replace(
            error.failure,
            sop_class_uid=header.columns["sop_class_uid"],
            sop_instance_uid=header.sop_instance_uid,
            series_uid=header.series_uid,
        )
        raise


def _cells(cells: Iterable[Cell], header: Header) -> Iterator[Cell]:
    with _named(header):
        yield from cells


def _read(file: DicomFile, header: Header, limits: Limits, treatment: Treatment) -> Reading:
    class_uid = header.columns["sop_class_uid"]
    if not header.sop_instance_uid:
        raise Unusable("dicom.no_sop_instance_uid", element("SOPInstanceUID"))
    if not file.has_pixels:
        if _is_image(header, class_uid):
            raise Unusable("pixels.missing", element("PixelData"))
        header.columns["frames"] = 0
        annotations, problems = read_annotations(file.dataset, class_uid)
        header.problems += problems
        return Reading(header, list(annotations))
    dataset = file.dataset
    settle_transfer_syntax(dataset, header)
    settle_description(dataset, header)
    check_size(dataset, limits)
    if class_uid in SEGMENTATIONS:
        masks, problems = read_segmentation(dataset)
        header.problems += problems
        return Reading(header, list(masks))
    if treatment.refusal:
        raise Unusable(treatment.refusal, element("PixelData"))
    return Reading(header, read_frames(dataset, header, treatment))


def _is_image(header: Header, class_uid: str | None) -> bool:
    """Whether an object must have pixels: without them its file was cut, often without a trace.

    pydicom takes the end of the file for the end of the data set.
    """
    if class_uid is None or class_uid not in UID_dictionary:
        return header.columns["rows"] is not None
    return UID(class_uid).name.endswith("Image Storage") or class_uid in SEGMENTATIONS

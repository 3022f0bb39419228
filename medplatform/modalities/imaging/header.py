"""The header of an image: only the elements named here and in `acquisition` are ever looked at.

Never raises, whatever the elements hold (see `elements`).
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from medplatform.modalities.imaging import terms
from medplatform.modalities.imaging.acquisition import (
    NUMBERS,
    first_tracer,
    read_acquisition,
    read_measures,
)
from medplatform.modalities.imaging.deidentify.code_strings import is_image_type
from medplatform.modalities.imaging.elements import FlatElements
from medplatform.modalities.imaging.flatten import Element
from medplatform.modalities.imaging.records import Header
from medplatform.modalities.imaging.remembered import Remembered
from medplatform.modalities.imaging.tables import IMAGING_INSTANCE
from medplatform.modalities.imaging.values import (
    to_all_numbers,
    to_date,
    to_first_number,
    to_flag,
    to_integer,
    to_moment,
    to_number,
    to_numbers,
    to_offset,
    to_photometric,
    to_positive,
    to_short_text,
    to_terms,
    to_text,
    to_time,
    to_uid,
    to_years,
)
from medplatform.privacy.policy import OLDEST_AGE

_RANGES = {
    column.name: (
        -float("inf") if column.minimum is None else column.minimum,
        float("inf") if column.maximum is None else column.maximum,
    )
    for column in IMAGING_INSTANCE.columns
    if column.minimum is not None or column.maximum is not None
}
_KEYWORDS = {name: source.keyword for name, source in NUMBERS.items()} | {
    "bits_allocated": "BitsAllocated",
    "bits_stored": "BitsStored",
    "columns": "Columns",
    "echo_number": "EchoNumbers",
    "echo_train_length": "EchoTrainLength",
    "frames": "NumberOfFrames",
    "high_bit": "HighBit",
    "imager_spacing_column_mm": "ImagerPixelSpacing",
    "imager_spacing_row_mm": "ImagerPixelSpacing",
    "lossy_ratio": "LossyImageCompressionRatio",
    "patient_age_years": "PatientAge",
    "pixel_spacing_column_mm": "PixelSpacing",
    "pixel_spacing_row_mm": "PixelSpacing",
    "planar_configuration": "PlanarConfiguration",
    "radionuclide_dose_bq": "RadionuclideTotalDose",
    "radionuclide_half_life_s": "RadionuclideHalfLife",
    "rows": "Rows",
    "samples_per_pixel": "SamplesPerPixel",
    "slice_thickness_mm": "SliceThickness",
}
"""The elements of the columns that have a plausible range."""
_SIGN = 1 << 15
"""The bit of US and SS, which have 16, that tells them apart."""


def read_header(elements: Iterable[Element]) -> Header:
    """All that is kept of a data set in columns, and what is needed to de-identify it."""
    found = FlatElements(elements)
    columns: dict[str, Any] = {}
    for read in _OF_SERIES:
        columns |= read(found)
    study_at, series_at = columns.pop("study_at"), columns.pop("series_at")
    header = Header(
        sop_instance_uid=found.read("SOPInstanceUID", to_uid),
        study_uid=found.read("StudyInstanceUID", to_uid),
        series_uid=found.read("SeriesInstanceUID", to_uid),
        frame_of_reference_uid=found.read("FrameOfReferenceUID", to_uid),
        patient_id=found.read("PatientID", to_text),
        issuer=found.read("IssuerOfPatientID", to_text),
        study_at=study_at,
        acquired_at=found.read(
            "AcquisitionDateTime", lambda value: to_moment(value, _offset(found))
        )
        or _date_and_time(found, "Acquisition"),
        series_at=series_at,
        content_at=_date_and_time(found, "Content"),
        injected_at=_injection(found),
        columns=columns | _plausible(_of_instance(found), found),
    )
    found.remark_broken()
    header.problems = found.problems
    return header


def _description(elements: FlatElements) -> dict[str, Any]:
    return {
        "sop_class_uid": terms.standard_uid(elements.read("SOPClassUID", to_text)),
        "modality": elements.choice("Modality", terms.MODALITIES),
        "image_type": elements.known(
            "ImageType", elements.read("ImageType", to_terms), is_image_type
        ),
        "conversion_type": elements.choice("ConversionType", terms.CONVERSIONS),
        "presentation_intent": elements.term("PresentationIntentType", terms.PRESENTATION_INTENTS),
        "series_number": elements.read("SeriesNumber", to_integer),
        "acquisition_number": elements.read("AcquisitionNumber", to_integer),
        "patient_sex": elements.term("PatientSex", terms.SEXES),
        "body_part": elements.choice("BodyPartExamined", terms.BODY_PARTS),
        "laterality": elements.choice("ImageLaterality", terms.LATERALITIES)
        or elements.choice("Laterality", terms.LATERALITIES),
        "view_position": elements.choice("ViewPosition", terms.VIEWS),
        "manufacturer": elements.read("Manufacturer", to_short_text),
        "model_name": elements.read("ManufacturerModelName", to_short_text),
        "has_burned_in_annotation": elements.term("BurnedInAnnotation", terms.YES_NO),
        "has_recognizable_features": elements.term("RecognizableVisualFeatures", terms.YES_NO),
    }


def _pixels(elements: FlatElements) -> dict[str, Any]:
    return {
        "transfer_syntax_uid": terms.standard_uid(elements.read("TransferSyntaxUID", to_text)),
        "rows": elements.read("Rows", to_positive),
        "columns": elements.read("Columns", to_positive),
        "frames": elements.read("NumberOfFrames", to_positive) or 1,
        "samples_per_pixel": elements.read("SamplesPerPixel", to_positive),
        "planar_configuration": elements.read("PlanarConfiguration", to_integer),
        "bits_allocated": elements.read("BitsAllocated", to_positive),
        "bits_stored": elements.read("BitsStored", to_positive),
        "high_bit": elements.read("HighBit", to_integer),
        "photometric": elements.read("PhotometricInterpretation", to_photometric),
        "is_lossy": elements.term("LossyImageCompression", terms.LOSSY),
        "lossy_ratio": elements.read("LossyImageCompressionRatio", to_first_number),
    }


def _rescaling(elements: FlatElements) -> dict[str, Any]:
    rescale = elements.shared("RescaleSlope", "PixelValueTransformationSequence")
    return {
        "rescale_slope": elements.read("RescaleSlope", to_number, rescale),
        "rescale_intercept": elements.read("RescaleIntercept", to_number, rescale),
        "rescale_type": elements.choice("RescaleType", terms.RESCALE_TYPES, rescale),
        "has_modality_lut": elements.item("ModalityLUTSequence") is not None,
    }


def _of_instance(elements: FlatElements) -> dict[str, Any]:
    """What differs between the images of a series, or may."""
    window = elements.shared("WindowCenter", "FrameVOILUTSequence")
    centers = elements.read("WindowCenter", to_all_numbers, window)
    widths = elements.read("WindowWidth", to_all_numbers, window)
    position = elements.shared("ImagePositionPatient", "PlanePositionSequence")
    return {
        "instance_number": elements.read("InstanceNumber", to_integer),
        "window_center": centers[0] if centers else None,
        "window_width": widths[0] if widths else None,
        "window_centers": centers,
        "window_widths": widths,
        "voi_lut_function": elements.choice("VOILUTFunction", terms.VOI_FUNCTIONS, window),
        "is_signed": elements.read("PixelRepresentation", to_flag),
        "pixel_padding_value": _padding(elements),
        "smallest_pixel_value": elements.read("SmallestImagePixelValue", to_integer),
        "largest_pixel_value": elements.read("LargestImagePixelValue", to_integer),
        "slice_location_mm": elements.read("SliceLocation", to_number),
        "image_position_mm": elements.read(
            "ImagePositionPatient", lambda value: to_numbers(value, 3), position
        ),
    }


def _padding(elements: FlatElements) -> int | None:
    """Pixel Padding Value as a stored pixel, signed or not (PS3.3 C.7.5.1.1.2).

    Senders write US where the pixels are signed, and SS where they are not.
    """
    value = elements.read("PixelPaddingValue", to_integer)
    is_signed = elements.read("PixelRepresentation", to_flag)
    if value is None or is_signed is None:
        return value
    if is_signed and _SIGN <= value < 2 * _SIGN:
        return value - 2 * _SIGN
    return value + 2 * _SIGN if not is_signed and -_SIGN <= value < 0 else value


def _geometry(elements: FlatElements) -> dict[str, Any]:
    measures = elements.shared("PixelSpacing", "PixelMeasuresSequence")
    thickness = elements.shared("SliceThickness", "PixelMeasuresSequence")
    between = elements.shared("SpacingBetweenSlices", "PixelMeasuresSequence")
    orientation = elements.shared("ImageOrientationPatient", "PlaneOrientationSequence")
    spacing = elements.read("PixelSpacing", lambda value: to_numbers(value, 2), measures)
    row, column = spacing or (None, None)
    return {
        "pixel_spacing_row_mm": row,
        "pixel_spacing_column_mm": column,
        "slice_thickness_mm": elements.read("SliceThickness", to_number, thickness),
        "spacing_between_slices_mm": elements.read("SpacingBetweenSlices", to_number, between),
        "image_orientation": elements.read(
            "ImageOrientationPatient", lambda value: to_numbers(value, 6), orientation
        ),
    }


def _plausible(columns: dict[str, Any], elements: FlatElements) -> dict[str, Any]:
    """The columns without what is outside the range that the table declares, with a remark."""
    for name in columns.keys() & _RANGES.keys():
        minimum, maximum = _RANGES[name]
        value = columns[name]
        if value is not None and not minimum <= value <= maximum:
            columns[name] = None
            elements.remark("dicom.bad_value", _KEYWORDS[name])
    return columns


def _times_and_age(elements: FlatElements) -> dict[str, Any]:
    study_at = _date_and_time(elements, "Study")
    return {
        "study_at": study_at,
        "series_at": _date_and_time(elements, "Series"),
        "patient_age_years": _age(elements, study_at),
    }


def _age(elements: FlatElements, study_at: datetime | None) -> int | None:
    """Whole years, 90 for all older ones, who are too few to hide among."""
    age = elements.read("PatientAge", to_years)
    if age is None and study_at:
        born = elements.read("PatientBirthDate", to_date)
        if born and born <= study_at.date():
            age = int((study_at.date() - born).days / 365.25)
    return None if age is None else min(age, OLDEST_AGE)


def _injection(elements: FlatElements) -> datetime | None:
    """When the first tracer was injected."""
    item = first_tracer(elements)
    if item is None:
        return None
    offset = _offset(elements)
    return elements.read(
        "RadiopharmaceuticalStartDateTime", lambda value: to_moment(value, offset), item
    )


def _date_and_time(elements: FlatElements, prefix: str) -> datetime | None:
    day = elements.read(f"{prefix}Date", to_date)
    if day is None:
        return None
    seconds = elements.read(f"{prefix}Time", to_time) or timedelta()
    midnight = datetime(day.year, day.month, day.day, tzinfo=_offset(elements))
    return (midnight + seconds).astimezone(UTC)


def _offset(elements: FlatElements) -> timezone:
    return elements.read("TimezoneOffsetFromUTC", to_offset) or UTC


def _remembered(read: Callable[[FlatElements], dict[str, Any]]) -> Remembered:
    return Remembered(lambda elements: _plausible(read(elements), elements))


_OF_SERIES = tuple(
    map(
        _remembered,
        (
            _description,
            _pixels,
            _rescaling,
            _geometry,
            _times_and_age,
            read_acquisition,
            read_measures,
        ),
    )
)
"""What seldom differs between the images of a series."""

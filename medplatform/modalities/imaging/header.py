"""The header of an image: only the elements named here are ever looked at.

Never raises, whatever the elements hold (see `elements`).
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from pydicom import Dataset

from medplatform.modalities.imaging import terms
from medplatform.modalities.imaging.elements import Elements
from medplatform.modalities.imaging.records import Header
from medplatform.modalities.imaging.values import (
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
    to_text,
    to_time,
    to_uid,
    to_years,
)
from medplatform.privacy.policy import OLDEST_AGE


def read_header(dataset: Dataset) -> Header:
    """All that is kept of a data set but its pixels, and what is needed to de-identify it."""
    elements = Elements(dataset)
    offset = elements.read("TimezoneOffsetFromUTC", to_offset) or UTC
    study_at = _date_and_time(elements, "Study", offset)
    header = Header(
        sop_instance_uid=elements.read("SOPInstanceUID", to_uid),
        study_uid=elements.read("StudyInstanceUID", to_uid),
        series_uid=elements.read("SeriesInstanceUID", to_uid),
        patient_id=elements.read("PatientID", to_text),
        issuer=elements.read("IssuerOfPatientID", to_text),
        study_at=study_at,
        acquired_at=elements.read("AcquisitionDateTime", lambda value: to_moment(value, offset))
        or _date_and_time(elements, "Acquisition", offset),
        columns={
            **_description(elements),
            **_pixels(elements),
            **_geometry(elements),
            "patient_age_years": _age(elements, study_at),
        },
    )
    header.problems = elements.problems
    return header


def sop_class(dataset: Dataset) -> str | None:
    """SOP Class UID where the standard defines it."""
    return terms.standard_uid(Elements(dataset).read("SOPClassUID", to_text))


def _description(elements: Elements) -> dict[str, Any]:
    return {
        "sop_class_uid": sop_class(elements.dataset),
        "modality": elements.choice("Modality", terms.MODALITIES),
        "instance_number": elements.read("InstanceNumber", to_integer),
        "patient_sex": elements.term("PatientSex", terms.SEXES),
        "body_part": elements.choice("BodyPartExamined", terms.BODY_PARTS),
        "laterality": elements.choice("ImageLaterality", terms.LATERALITIES)
        or elements.choice("Laterality", terms.LATERALITIES),
        "view_position": elements.choice("ViewPosition", terms.VIEWS),
        "manufacturer": elements.read("Manufacturer", to_short_text),
        "model_name": elements.read("ManufacturerModelName", to_short_text),
        "has_burned_in_annotation": elements.term("BurnedInAnnotation", terms.YES_NO),
    }


def _pixels(elements: Elements) -> dict[str, Any]:
    meta = getattr(elements.dataset, "file_meta", None)
    syntax = elements.read("TransferSyntaxUID", to_text, meta) if meta is not None else None
    rescale = elements.shared("RescaleSlope", "PixelValueTransformationSequence")
    window = elements.shared("WindowCenter", "FrameVOILUTSequence")
    return {
        "transfer_syntax_uid": terms.standard_uid(syntax),
        "rows": elements.read("Rows", to_positive),
        "columns": elements.read("Columns", to_positive),
        "frames": elements.read("NumberOfFrames", to_positive) or 1,
        "samples_per_pixel": elements.read("SamplesPerPixel", to_positive),
        "bits_allocated": elements.read("BitsAllocated", to_positive),
        "bits_stored": elements.read("BitsStored", to_positive),
        "is_signed": elements.read("PixelRepresentation", to_flag),
        "photometric": elements.read("PhotometricInterpretation", to_photometric),
        "rescale_slope": elements.read("RescaleSlope", to_number, rescale),
        "rescale_intercept": elements.read("RescaleIntercept", to_number, rescale),
        "window_center": elements.read("WindowCenter", to_first_number, window),
        "window_width": elements.read("WindowWidth", to_first_number, window),
    }


def _geometry(elements: Elements) -> dict[str, Any]:
    measures = elements.shared("PixelSpacing", "PixelMeasuresSequence")
    thickness = elements.shared("SliceThickness", "PixelMeasuresSequence")
    position = elements.shared("ImagePositionPatient", "PlanePositionSequence")
    orientation = elements.shared("ImageOrientationPatient", "PlaneOrientationSequence")
    spacing = elements.read("PixelSpacing", lambda value: to_numbers(value, 2), measures)
    row, column = spacing or (None, None)
    return {
        "pixel_spacing_row_mm": row,
        "pixel_spacing_column_mm": column,
        "slice_thickness_mm": elements.read("SliceThickness", to_number, thickness),
        "image_position_mm": elements.read(
            "ImagePositionPatient", lambda value: to_numbers(value, 3), position
        ),
        "image_orientation": elements.read(
            "ImageOrientationPatient", lambda value: to_numbers(value, 6), orientation
        ),
    }


def _age(elements: Elements, study_at: datetime | None) -> int | None:
    """Whole years, 90 for all older ones, who are too few to hide among."""
    age = elements.read("PatientAge", to_years)
    if age is None and study_at:
        born = elements.read("PatientBirthDate", to_date)
        if born and born <= study_at.date():
            age = int((study_at.date() - born).days / 365.25)
    return None if age is None else min(age, OLDEST_AGE)


def _date_and_time(elements: Elements, prefix: str, offset: timezone) -> datetime | None:
    day = elements.read(f"{prefix}Date", to_date)
    if day is None:
        return None
    seconds = elements.read(f"{prefix}Time", to_time) or timedelta()
    return (datetime(day.year, day.month, day.day, tzinfo=offset) + seconds).astimezone(UTC)

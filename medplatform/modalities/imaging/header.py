"""A pydicom data set to typed values: nothing here raises, whatever the elements hold.

What is not of its type becomes null with a `dicom.bad_value` remark, what is outside its
vocabulary null with `dicom.unknown_term`. Only the elements named here are ever looked at.
"""

import math
import re
import struct
from collections.abc import Callable, Mapping, Set
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, TypeVar

from pydicom import Dataset, Sequence
from pydicom.datadict import tag_for_keyword
from pydicom.errors import BytesLengthException
from pydicom.pixels.common import PhotometricInterpretation

from medplatform.modalities.imaging import terms
from medplatform.modalities.imaging.records import Header, Problem
from medplatform.privacy.policy import OLDEST_AGE

VALUE_ERRORS = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom raises on an element whose bytes are not of its VR."""

_INT32 = 1 << 31
_TEXT_CHARACTERS = 64  # the longest LO
_YEARS = range(1900, 2100)
_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
_TIME = re.compile(r"(\d{2}):?(?:(\d{2}):?(?:(\d{2})(?:\.(\d{1,6}))?)?)?")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")
_MOMENT = re.compile(r"(\d{8})(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?")
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_UNITS_PER_YEAR = {"D": 365.25, "W": 52.1775, "M": 12, "Y": 1}
_UID = re.compile(r"[0-9.]{1,64}")

T = TypeVar("T")


class Elements:
    """Typed access to the elements of a data set, collecting what could not be used."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.problems: list[Problem] = []

    def value(self, keyword: str, dataset: Dataset | None = None) -> Any:
        """The value of an element, None where it is absent, empty or not of its VR."""
        source = self.dataset if dataset is None else dataset
        try:
            value = source.get(keyword)
        except VALUE_ERRORS:
            self.remark("dicom.bad_value", keyword)
            return None
        return None if value is None or (hasattr(value, "__len__") and not len(value)) else value

    def read(
        self, keyword: str, convert: Callable[[Any], T], dataset: Dataset | None = None
    ) -> T | None:
        """The converted value; what cannot be converted is remarked on."""
        value = self.value(keyword, dataset)
        if value is None:
            return None
        try:
            return convert(value)
        except VALUE_ERRORS:
            self.remark("dicom.bad_value", keyword)
            return None

    def term(self, keyword: str, meanings: Mapping[str, T]) -> T | None:
        """The meaning of a defined term."""
        term = self.choice(keyword, meanings.keys())
        return None if term is None else meanings[term]

    def choice(self, keyword: str, allowed: Set[str]) -> str | None:
        """A defined term itself, in capitals and without the spaces that some senders add."""
        term = "".join((self.read(keyword, _text) or "").upper().split())
        if term and term not in allowed:
            self.remark("dicom.unknown_term", keyword)
            return None
        return term or None

    def items(self, keyword: str, dataset: Dataset | None = None) -> list[Dataset]:
        """The items of a sequence."""
        return self.read(keyword, _items, dataset) or []

    def item(self, keyword: str, dataset: Dataset | None = None) -> Dataset | None:
        """The first item of a sequence."""
        return next(iter(self.items(keyword, dataset)), None)

    def shared(self, keyword: str, sequence: str) -> Dataset:
        """Where an element stands: at the top, or in the functional group of all frames."""
        if keyword not in self.dataset:
            groups = self.item("SharedFunctionalGroupsSequence")
            found = self.item(sequence, groups) if groups is not None else None
            if found is not None:
                return found
        return self.dataset

    def remark(self, code: str, keyword: str) -> None:
        """Note a problem once per element."""
        problem = Problem(code, element(keyword))
        if problem not in self.problems:
            self.problems.append(problem)


def element(keyword: str) -> str:
    """A tag as it is written in the standard.

    >>> element("PatientID")
    '(0010,0020)'
    """
    tag = tag_for_keyword(keyword) or 0
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def read_header(dataset: Dataset) -> Header:
    """All that is kept of a data set but its pixels, and what is needed to de-identify it."""
    elements = Elements(dataset)
    offset = elements.read("TimezoneOffsetFromUTC", _offset) or UTC
    study_at = _date_and_time(elements, "Study", offset)
    header = Header(
        sop_instance_uid=elements.read("SOPInstanceUID", read_uid),
        study_uid=elements.read("StudyInstanceUID", read_uid),
        series_uid=elements.read("SeriesInstanceUID", read_uid),
        patient_id=elements.read("PatientID", _text),
        issuer=elements.read("IssuerOfPatientID", _text),
        study_at=study_at,
        acquired_at=elements.read("AcquisitionDateTime", lambda value: _moment(value, offset))
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
    return terms.standard_uid(Elements(dataset).read("SOPClassUID", _text))


def read_code(elements: Elements, item: Dataset) -> tuple[str | None, str | None, str | None]:
    """Scheme, value and meaning of a code sequence item (PS3.3 8)."""
    return (
        elements.read("CodingSchemeDesignator", _short_text, item),
        elements.read("CodeValue", _short_text, item),
        elements.read("CodeMeaning", _short_text, item),
    )


def _description(elements: Elements) -> dict[str, Any]:
    return {
        "sop_class_uid": sop_class(elements.dataset),
        "modality": elements.choice("Modality", terms.MODALITIES),
        "instance_number": elements.read("InstanceNumber", read_integer),
        "patient_sex": elements.term("PatientSex", terms.SEXES),
        "body_part": elements.choice("BodyPartExamined", terms.BODY_PARTS),
        "laterality": elements.choice("ImageLaterality", terms.LATERALITIES)
        or elements.choice("Laterality", terms.LATERALITIES),
        "view_position": elements.choice("ViewPosition", terms.VIEWS),
        "manufacturer": elements.read("Manufacturer", _short_text),
        "model_name": elements.read("ManufacturerModelName", _short_text),
        "has_burned_in_annotation": elements.term("BurnedInAnnotation", terms.YES_NO),
    }


def _pixels(elements: Elements) -> dict[str, Any]:
    meta = getattr(elements.dataset, "file_meta", None)
    syntax = elements.read("TransferSyntaxUID", _text, meta) if meta is not None else None
    rescale = elements.shared("RescaleSlope", "PixelValueTransformationSequence")
    window = elements.shared("WindowCenter", "FrameVOILUTSequence")
    return {
        "transfer_syntax_uid": terms.standard_uid(syntax),
        "rows": elements.read("Rows", read_number),
        "columns": elements.read("Columns", read_number),
        "frames": elements.read("NumberOfFrames", read_number) or 1,
        "samples_per_pixel": elements.read("SamplesPerPixel", read_number),
        "bits_allocated": elements.read("BitsAllocated", read_number),
        "bits_stored": elements.read("BitsStored", read_number),
        "is_signed": elements.read("PixelRepresentation", _flag),
        "photometric": elements.read("PhotometricInterpretation", _photometric),
        "rescale_slope": elements.read("RescaleSlope", _number, rescale),
        "rescale_intercept": elements.read("RescaleIntercept", _number, rescale),
        "window_center": elements.read("WindowCenter", _first_number, window),
        "window_width": elements.read("WindowWidth", _first_number, window),
    }


def _geometry(elements: Elements) -> dict[str, Any]:
    measures = elements.shared("PixelSpacing", "PixelMeasuresSequence")
    thickness = elements.shared("SliceThickness", "PixelMeasuresSequence")
    position = elements.shared("ImagePositionPatient", "PlanePositionSequence")
    orientation = elements.shared("ImageOrientationPatient", "PlaneOrientationSequence")
    spacing = elements.read("PixelSpacing", lambda value: _numbers(value, 2), measures)
    row, column = spacing or (None, None)
    return {
        "pixel_spacing_row_mm": row,
        "pixel_spacing_column_mm": column,
        "slice_thickness_mm": elements.read("SliceThickness", _number, thickness),
        "image_position_mm": elements.read(
            "ImagePositionPatient", lambda value: _numbers(value, 3), position
        ),
        "image_orientation": elements.read(
            "ImageOrientationPatient", lambda value: _numbers(value, 6), orientation
        ),
    }


def _age(elements: Elements, study_at: datetime | None) -> int | None:
    """Whole years, 90 for all older ones, who are too few to hide among."""
    age = elements.read("PatientAge", _years)
    if age is None and study_at:
        born = elements.read("PatientBirthDate", _date)
        if born and born <= study_at.date():
            age = int((study_at.date() - born).days / 365.25)
    return None if age is None else min(age, OLDEST_AGE)


def _date_and_time(elements: Elements, prefix: str, offset: timezone) -> datetime | None:
    day = elements.read(f"{prefix}Date", _date)
    if day is None:
        return None
    seconds = elements.read(f"{prefix}Time", _time) or timedelta()
    return (datetime(day.year, day.month, day.day, tzinfo=offset) + seconds).astimezone(UTC)


def _moment(value: Any, offset: timezone) -> datetime:
    match = _MOMENT.fullmatch(_text(value))
    if not match:
        raise ValueError("no DT")
    day = _date(match[1])
    zone = _offset(match[3]) if match[3] else offset
    seconds = _time(match[2]) if match[2] else timedelta()
    return (datetime(day.year, day.month, day.day, tzinfo=zone) + seconds).astimezone(UTC)


def _date(value: Any) -> date:
    match = _DATE.fullmatch(_text(value))
    if not match:
        raise ValueError("no DA")
    day = date(*map(int, match.groups()))
    if day.year not in _YEARS:
        raise ValueError("implausible year")
    return day


def _time(value: Any) -> timedelta:
    match = _TIME.fullmatch(_text(value))
    if not match:
        raise ValueError("no TM")
    hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 60:
        raise ValueError("no TM")
    fraction = int((match[4] or "").ljust(6, "0"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=fraction)


def _offset(value: Any) -> timezone:
    match = _OFFSET.fullmatch(_text(value))
    if not match:
        raise ValueError("no offset from UTC")
    shift = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-shift if match[1] == "-" else shift)


def _years(value: Any) -> int:
    match = _AGE.fullmatch(_text(value).upper())
    if not match:
        raise ValueError("no AS")
    return int(int(match[1]) / _UNITS_PER_YEAR[match[2]])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("more than one value, or no text")
    return value.strip(" \0")


def _short_text(value: Any) -> str | None:
    text = " ".join(_text(value).split())
    if len(text) > _TEXT_CHARACTERS or not text.isprintable():
        raise ValueError("no LO")
    return text or None


def read_uid(value: Any) -> str | None:
    """A UID, None for an empty one; ValueError or TypeError for anything else."""
    text = _text(value)
    if text and not _UID.fullmatch(text):
        raise ValueError("no UI")
    return text or None


def _photometric(value: Any) -> str | None:
    text = _text(value)
    return PhotometricInterpretation(text).value if text else None


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _first_number(value: Any) -> float:
    return _number(value if isinstance(value, str | int | float) else value[0])


def _numbers(value: Any, count: int) -> list[float]:
    numbers = [_number(part) for part in value]
    if len(numbers) != count:
        raise ValueError("another number of values")
    return numbers


def read_integer(value: Any) -> int:
    """A 32-bit integer; ValueError or TypeError for anything else."""
    number = int(value)
    if not -_INT32 <= number < _INT32:
        raise ValueError("beyond 32 bits")
    return number


def read_number(value: Any) -> int:
    """A positive 32-bit integer; ValueError or TypeError for anything else."""
    number = read_integer(value)
    if number < 1:
        raise ValueError("not positive")
    return number


def _flag(value: Any) -> bool:
    return {0: False, 1: True}[int(value)]


def _items(value: Any) -> list[Dataset]:
    if not isinstance(value, Sequence):
        raise TypeError("no sequence")
    return list(value)

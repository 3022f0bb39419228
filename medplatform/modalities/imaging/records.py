"""What the reading process sends back: plain values, still with the identifiers as delivered.

They live between two processes of one machine and are never stored; `rows` makes rows of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from medplatform.modalities.imaging.deidentify import Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one file may cost the reading process.

    Attributes
    ----------
    seconds
        Of processor time, to read a file, and one more for each `bytes_per_second` of it.
    clock_factor
        How many times as long it may take by the clock: disks and machines may be busy, or
        suspended.
    memory_bytes
        Beyond what the process takes before it reads.
    file_bytes
        Of the file.
    pixel_bytes
        Of one decoded frame, and of what is inflated at once.
    all_pixel_bytes
        Of all decoded frames, which are not held at once.
    """

    seconds: int = 120
    clock_factor: int = 5
    bytes_per_second: int = 4 << 20
    memory_bytes: int = 4 << 30
    file_bytes: int = 3 << 30
    pixel_bytes: int = 2 << 30
    all_pixel_bytes: int = 64 << 30


@dataclass(frozen=True, slots=True)
class Problem:
    """An element that could not be used: the code of the reason and the tag, never the value."""

    code: str
    element: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file cannot be accepted, and what it is, where that was read."""

    code: str
    element: str | None = None
    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    series_uid: str | None = None


class Identified(NamedTuple):
    """Which image of which series a file is, as far as it says."""

    sop_instance_uid: str | None = None
    series_uid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Where the pixels of a frame lie, as far as it is said: in mm, and in the whole of its tiles.

    `matrix_column` and `matrix_row` count from 1.
    """

    image_position_mm: list[float] | None = None
    image_orientation: list[float] | None = None
    pixel_spacing_row_mm: float | None = None
    pixel_spacing_column_mm: float | None = None
    matrix_column: int | None = None
    matrix_row: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """The first and the last slice of a volume, and how many volumes follow one another."""

    volumes: int
    first: Plane
    last: Plane


class SpoolFull(OSError):
    """The cells of a file could not be written: a fault of the disk, not of the file."""


@dataclass(slots=True, kw_only=True)
class Header:
    """What is read of an image apart from its pixels.

    `columns` holds columns of `imaging_instance` that need no de-identification; the moments are
    in UTC and not yet shifted.
    """

    sop_instance_uid: str | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    frame_of_reference_uid: str | None = None
    patient_id: str | None = None
    issuer: str | None = None
    study_at: datetime | None = None
    acquired_at: datetime | None = None
    series_at: datetime | None = None
    content_at: datetime | None = None
    injected_at: datetime | None = None
    prepared: "Prepared | None" = None
    columns: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    extent: Extent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCell:
    """One frame, compressed.

    `columns` holds columns of `imaging_frame` that need no de-identification; the moment is in
    UTC and not yet shifted.
    """

    frame_number: int
    height: int
    width: int
    channels: int
    dtype: str
    codec: str
    pixels: bytes
    pixel_sha256: str
    acquired_at: datetime | None = None
    columns: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskCell:
    """One mask, compressed, with the image frame it was drawn on, where that is one.

    `number` tells the masks of one file apart; `source_uid` is None for a mask file, which is
    matched by its name. `fractions` holds what a fractional segmentation had before it was cut to
    a mask, as a cell of `codec`.
    """

    number: int
    source_uid: str | None = None
    series_uid: str | None = None
    frame_of_reference_uid: str | None = None
    frame_number: int | None = 1
    segmentation_frame: int | None = None
    plane: Plane = Plane()
    fractions: bytes | None = None
    maximum_fraction: int | None = None
    segment_number: int = 1
    segment_label: str | None = None
    segment_code: str | None = None
    height: int
    width: int
    codec: str
    pixels: bytes
    foreground_pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One annotation of an image.

    `number` tells those of one object apart, `columns` holds columns of `imaging_annotation` that
    need no de-identification; the moment is in UTC and not yet shifted.
    """

    number: int
    annotation_type: str
    instance_uid: str | None = None
    series_uid: str | None = None
    frame_of_reference_uid: str | None = None
    segmentation_uid: str | None = None
    tracking_uid: str | None = None
    annotated_at: datetime | None = None
    columns: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file that a DICOMDIR names, by the number of its directory record from 1.

    `names` are the parts of its path from the folder of the DICOMDIR on.
    """

    number: int
    names: tuple[str, ...]
    sop_instance_uid: str | None


Cell = Listed | FrameCell | MaskCell | Annotation


@dataclass(slots=True)
class Reading:
    """One file: its header, which is complete when the last cell has been read or decoded."""

    header: Header
    cells: Iterable[Cell]

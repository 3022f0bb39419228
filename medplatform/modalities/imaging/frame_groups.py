"""What is said of each frame of an image: where it lies, what its values mean, when it was taken.

The functional groups of a frame go before those of all frames, and these before the elements of
the object itself (PS3.3 C.7.6.16), which are all that objects older than enhanced multi-frame have.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timezone
from typing import Any

import numpy as np
from pydicom import Dataset

from medplatform.modalities.imaging import terms
from medplatform.modalities.imaging.deidentify.code_strings import is_image_type, is_stack_name
from medplatform.modalities.imaging.elements import Elements
from medplatform.modalities.imaging.planes import read_plane, tiled_planes
from medplatform.modalities.imaging.records import Plane
from medplatform.modalities.imaging.values import (
    to_first_number,
    to_integer,
    to_moment,
    to_number,
    to_numbers,
    to_offset,
    to_terms,
    to_text,
)

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Description:
    """Columns of `imaging_frame` that need no de-identification, and a moment not yet shifted."""

    columns: dict[str, Any] = field(default_factory=dict)
    acquired_at: datetime | None = None


class FrameGroups:
    """The descriptions of the frames of an image; what cannot be used is noted in `elements`.

    Parameters
    ----------
    dataset
        The object.
    acquired_at
        When the object was acquired, for frames that do not say.
    """

    def __init__(self, dataset: Dataset, acquired_at: datetime | None = None) -> None:
        self.elements = Elements(dataset)
        offset: timezone = self.elements.read("TimezoneOffsetFromUTC", to_offset) or UTC
        self._to_moment: Convert = lambda value: to_moment(value, offset)
        self._groups = self.elements.items("PerFrameFunctionalGroupsSequence")
        self._depths = self._grid_depths()
        common = {"acquired_at": acquired_at, **self._top()}
        shared = self.elements.item("SharedFunctionalGroupsSequence")
        self._common = common if shared is None else common | self._read(shared)
        self._planes = self._tiles(dataset)

    def describe(self, number: int) -> Description:
        """The description of a frame, counted from 1."""
        found = dict(self._common)
        if number <= len(self._groups):
            found |= self._read(self._groups[number - 1])
        if number <= len(self._planes):
            found |= self._planes[number - 1]
        if number <= len(self._depths) and found.get("image_position_mm"):
            found["image_position_mm"] = _step(found, self._depths[number - 1])
        acquired_at = found.pop("acquired_at")
        return Description(found, acquired_at)

    def _top(self) -> dict[str, Any]:
        columns: dict[str, Any] = {
            "image_type": self._image_type("ImageType", self.elements.dataset),
            "temporal_position": self.elements.read("TemporalPositionIdentifier", to_integer),
        }
        for keywords in _GROUPS.values():
            columns |= self._values(self.elements.dataset, keywords)
        if (self.elements.read("NumberOfFrames", to_integer) or 1) > 1 and not self._depths:
            # One position says where one frame lies, never where several do.
            columns["image_position_mm"] = None
        return columns

    def _read(self, groups: Dataset) -> dict[str, Any]:
        """What the groups of one frame, or of all, say; nothing of what they leave out."""
        columns: dict[str, Any] = {}
        for sequence, keywords in _GROUPS.items():
            if sequence in groups and (item := self.elements.item(sequence, groups)) is not None:
                columns |= self._values(item, keywords)
        for sequence in _FRAME_TYPES:
            if sequence in groups and (item := self.elements.item(sequence, groups)) is not None:
                columns["image_type"] = self._image_type("FrameType", item)
        if "PlanePositionSlideSequence" in groups:
            columns |= _columns_of(read_plane(self.elements, [groups]))
        content = self.elements.item("FrameContentSequence", groups)
        if content is not None:
            columns |= self._content(content)
        return {name: value for name, value in columns.items() if value is not None}

    def _values(
        self, item: Dataset, keywords: Mapping[str, tuple[tuple[str, ...], Convert]]
    ) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for keyword, (names, convert) in keywords.items():
            value = self.elements.read(keyword, convert, item) if keyword in item else None
            columns |= (
                {names[0]: value}
                if len(names) == 1
                else dict(zip(names, value or [None] * len(names), strict=True))
            )
        return columns

    def _image_type(self, keyword: str, item: Dataset) -> list[str] | None:
        return self.elements.known(
            keyword, self.elements.read(keyword, to_terms, item), is_image_type
        )

    def _content(self, item: Dataset) -> dict[str, Any]:
        """Frame Content Macro, PS3.3 C.7.6.16.2.2."""
        read = self.elements.read
        return {
            "acquired_at": read("FrameAcquisitionDateTime", self._to_moment, item),
            "dimension_index_values": read("DimensionIndexValues", _to_integers, item),
            "stack_id": read("StackID", _to_name, item),
            "in_stack_position": read("InStackPositionNumber", to_integer, item),
            "temporal_position": read("TemporalPositionIndex", to_integer, item),
        }

    def _tiles(self, dataset: Dataset) -> list[dict[str, Any]]:
        """Where tiles without groups of their own lie (PS3.3 C.7.6.17.3)."""
        if self._groups or dataset.get("DimensionOrganizationType") != "TILED_FULL":
            return []
        frames = self.elements.read("NumberOfFrames", to_integer) or 1
        paths = len(self.elements.items("OpticalPathSequence")) or 1
        return [_columns_of(plane) for _, plane in tiled_planes(self.elements, frames, paths)]

    def _grid_depths(self) -> list[float]:
        """Distances of the planes of a dose grid from its first (PS3.3 C.8.8.3.2)."""
        offsets = self.elements.read("GridFrameOffsetVector", _to_floats) or []
        return [offset - offsets[0] for offset in offsets]


def _columns_of(plane: Plane) -> dict[str, Any]:
    return {name: value for name, value in asdict(plane).items() if value is not None}


def _step(columns: Mapping[str, Any], depth: float) -> list[float]:
    """The position that lies some mm further along the normal of the plane."""
    position, orientation = columns["image_position_mm"], columns.get("image_orientation")
    if not orientation:
        return position
    normal = np.cross(orientation[:3], orientation[3:])
    return (np.asarray(position) + depth * normal).tolist()


def _numbers(count: int) -> Convert:
    return lambda value: to_numbers(value, count)


def _to_name(value: Any) -> str | None:
    """The number or name of a stack, None for any other SH, which may be text."""
    text = to_text(value)
    return text if is_stack_name(text) else None


def _to_integers(value: Any) -> list[int]:
    return [to_integer(part) for part in (value if hasattr(value, "__iter__") else [value])]


def _to_floats(value: Any) -> list[float]:
    return [to_number(part) for part in (value if hasattr(value, "__iter__") else [value])]


def _to_rescale_type(value: Any) -> str | None:
    """A defined term of C.11.1.1.2; others are text of their maker."""
    term = to_text(value).upper()
    return term if term in terms.RESCALE_TYPES else None


def _to_voi_function(value: Any) -> str | None:
    term = to_text(value).upper()
    return term if term in terms.VOI_FUNCTIONS else None


_GROUPS: Mapping[str, Mapping[str, tuple[tuple[str, ...], Convert]]] = {
    "PixelMeasuresSequence": {
        "PixelSpacing": (("pixel_spacing_row_mm", "pixel_spacing_column_mm"), _numbers(2)),
        "SliceThickness": (("slice_thickness_mm",), to_number),
        "SpacingBetweenSlices": (("spacing_between_slices_mm",), to_number),
    },
    "PlanePositionSequence": {
        "ImagePositionPatient": (("image_position_mm",), _numbers(3)),
    },
    "PlaneOrientationSequence": {
        "ImageOrientationPatient": (("image_orientation",), _numbers(6)),
    },
    "PixelValueTransformationSequence": {
        "RescaleSlope": (("rescale_slope",), to_number),
        "RescaleIntercept": (("rescale_intercept",), to_number),
        "RescaleType": (("rescale_type",), _to_rescale_type),
    },
    "FrameVOILUTSequence": {
        "WindowCenter": (("window_center",), to_first_number),
        "WindowWidth": (("window_width",), to_first_number),
        "VOILUTFunction": (("voi_lut_function",), _to_voi_function),
    },
}
"""Sequence of a functional group -> keyword -> columns and how a value becomes theirs."""

_FRAME_TYPES = (
    "MRImageFrameTypeSequence",
    "MRSpectroscopyFrameTypeSequence",
    "CTImageFrameTypeSequence",
    "PETFrameTypeSequence",
    "XAXRFFrameCharacteristicsSequence",
    "XRay3DFrameTypeSequence",
    "USImageDescriptionSequence",
    "WholeSlideMicroscopyImageFrameTypeSequence",
    "ParametricMapFrameTypeSequence",
)
"""The sequences that hold Frame Type (0008,9007), one for each kind of object."""

"""What a recipe declares about its images: which of the lake, and how they are to look."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from medplatform.training.images.intensity import PRESETS, VoiFunction, Window


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FixedWindow(_Declared):
    """One VOI window for all images, in units of the modality: for CT."""

    kind: Literal["window"] = "window"
    center: float
    width: float
    function: VoiFunction = "LINEAR"

    @model_validator(mode="after")
    def _is_window(self) -> Self:
        _ = self.window
        return self

    @property
    def window(self) -> Window:
        """The window itself."""
        return Window(self.center, self.width, self.function)

    @classmethod
    def preset(cls, name: str) -> "FixedWindow":
        """One of `lung`, `soft_tissue`, `bone`, `brain`."""
        chosen = PRESETS[name]
        return cls(center=chosen.center, width=chosen.width, function=chosen.function)


class StoredWindow(_Declared):
    """The first VOI window of each image; where it has none, all its values: for radiographs."""

    kind: Literal["stored"] = "stored"


class Percentiles(_Declared):
    """Between two percentiles of each image or volume: for MR, whose values have no unit."""

    kind: Literal["percentiles"] = "percentiles"
    low: Annotated[float, Field(ge=0, lt=100)] = 0.5
    high: Annotated[float, Field(gt=0, le=100)] = 99.5


class Units(_Declared):
    """Values of the modality as they are (HU, Bq/ml), clipped to a range that says what is black
    and what is white to a network."""

    kind: Literal["units"] = "units"
    low: float
    high: float


Intensity = Annotated[FixedWindow | StoredWindow | Percentiles | Units, Field(discriminator="kind")]


class ImageSpec(_Declared):
    """Which images, and how: part of the digest of the data set and of its cache.

    Colour images are shown as they are, but for percentiles; with one channel they become grey.
    """

    of: Annotated[
        Literal["frames", "volumes"],
        Field(description="Single frames, or the volumes of series whose geometry has no fault."),
    ] = "frames"
    modalities: Annotated[
        tuple[str, ...], Field(description="Modality (0008,0060); empty: any.")
    ] = ()
    body_parts: Annotated[
        tuple[str, ...], Field(description="Body Part Examined (0018,0015); empty: any.")
    ] = ()
    views: Annotated[
        tuple[str, ...], Field(description="View Position (0018,5101); empty: any.")
    ] = ()
    intensity: Intensity = Percentiles()
    size: Annotated[
        tuple[int, ...],
        Field(
            min_length=2, max_length=3, description="(height, width), or (depth, height, width)."
        ),
    ]
    spacing_mm: Annotated[
        tuple[float, ...] | None,
        Field(
            description="Resample to this spacing, in the order of `size`, then cut or fill up to "
            "the size evenly. None: scale to the size."
        ),
    ] = None
    fit: Annotated[
        Literal["stretch", "pad"],
        Field(description="Scaled images get the size as a whole, or keep their shape within it."),
    ] = "stretch"
    channels: Literal[1, 3] = 1
    dtype: Literal["uint8", "int16", "float16"] = "uint8"
    has_masks: Annotated[
        bool,
        Field(description="With the union of the segments of each image; those without are out."),
    ] = False

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        axes = 2 if self.of == "frames" else 3
        if len(self.size) != axes or len(self.spacing_mm or self.size) != axes:
            raise ValueError(f"{self.of} have {axes} axes in size and spacing_mm")
        if min(self.size) < 1 or min(self.spacing_mm or (1,)) <= 0:
            raise ValueError("size and spacing_mm must be above 0")
        if isinstance(self.intensity, Units):
            if self.dtype == "uint8":
                raise ValueError("units need dtype int16 or float16")
            if self.channels == 3:
                raise ValueError("units have one channel")
        return self

    @property
    def limits(self) -> tuple[float, float]:
        """The stored values of black and white."""
        if isinstance(self.intensity, Units):
            return self.intensity.low, self.intensity.high
        return 0.0, {"uint8": 255.0, "int16": 32767.0, "float16": 1.0}[self.dtype]

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, height, width) or (channels, depth, height, width)."""
        return (self.channels, *self.size)

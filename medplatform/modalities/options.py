"""What a `delivery.json` may declare about a delivery that its files cannot say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

OPTIONS = "delivery.json"

PER_RECORD_SYSTEM = "urn:medplatform:per-record"
"""Identifier system of subjects that are named by their record, with `subjects: per_record`."""


class DeliveryError(ValueError):
    """A delivery cannot be read at all; the message names it and the remedy."""


class DeliveryOptions(BaseModel):
    """What `delivery.json` may declare."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subjects: Annotated[
        Literal["resolve", "per_record"],
        Field(
            description="`resolve`: every record names its patient. `per_record`: the sender "
            "declares that each image, sample or Patient resource is a person of its own, as in "
            "public data sets; of DICOM, each study that names no patient."
        ),
    ] = "resolve"
    labels: Annotated[str | None, Field(description="Label table (CSV) of a folder of images.")] = (
        None
    )
    label_file_column: Annotated[
        str | None, Field(description="Column of the label table that names the image file.")
    ] = None
    label_patient_column: Annotated[
        str | None, Field(description="Column of the label table that names the patient.")
    ] = None
    label_column: Annotated[
        str | None,
        Field(description="Column of the label table that holds the class, `label` by default."),
    ] = None
    label_box_columns: Annotated[
        tuple[str, str, str, str] | None,
        Field(
            description="Columns of the label table that hold a box in pixels: x, y, width and "
            "height, or with `label_box_form: corners` the smallest x and y and the largest."
        ),
    ] = None
    label_box_form: Annotated[
        Literal["size", "corners"],
        Field(description="What the third and fourth column of a box are."),
    ] = "size"
    image_modality: Annotated[
        str, Field(description="DICOM modality of PNG, JPEG or NIfTI images, e.g. SM, DX, MR, OT.")
    ] = "OT"
    genome_build: Annotated[
        Literal["GRCh37", "GRCh38"] | None,
        Field(description="Reference of VCF positions where the header does not say it."),
    ] = None
    regions: Annotated[
        tuple[str, ...] | str | None,
        Field(
            description="Regions of a VCF that are read, as a list of `chr:start-end` (from 1) or "
            "as the name of a BED file of the delivery; the records elsewhere stay in landing."
        ),
    ] = None
    text_keys: Annotated[
        tuple[str, ...],
        Field(
            description="INFO and FORMAT keys of a VCF whose texts name nobody, so that they are "
            "kept beside those of public tools; `*` stands for any characters."
        ),
    ] = ()
    fhir_release: Annotated[
        Literal["4.0", "4.3", "5.0"] | None,
        Field(description="Release of FHIR. Without it the resources tell."),
    ] = None
    source: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
            description="Name of the FHIR server, where deliveries of several come: Patient/1 of "
            "one is not Patient/1 of another.",
        ),
    ] = None

    smiles_column: Annotated[
        str | None,
        Field(description="Column of a table of molecules that holds their SMILES."),
    ] = None
    id_column: Annotated[
        str | None,
        Field(description="Column, or SDF property, that holds the id or name of a compound."),
    ] = None
    assay_columns: Annotated[
        tuple[str, ...],
        Field(
            description="Columns, or SDF properties, that hold what was measured of a molecule. "
            "Without them: all that hold neither structures nor names."
        ),
    ] = ()

    @field_validator("regions")
    @classmethod
    def _are_regions(cls, value: tuple[str, ...] | str | None) -> tuple[str, ...] | str | None:
        from medplatform.modalities.genomics.sources.regions import Regions

        if isinstance(value, tuple):
            Regions.parse(value)
        return value

    @field_validator("image_modality")
    @classmethod
    def _is_modality(cls, value: str) -> str:
        from medplatform.modalities.imaging.terms import MODALITIES  # imports this module

        if value not in MODALITIES:
            raise ValueError("no modality of DICOM (PS3.3 C.7.3.1.1.1), e.g. DX")
        return value


def read_options(root: Path | None, override: Mapping[str, Any] | None = None) -> DeliveryOptions:
    """The options that a folder, if any, declares in `delivery.json`; those of `override` win.

    Raises
    ------
    DeliveryError
        The file cannot be read, or declares what does not exist.
    """
    try:
        content = (root / OPTIONS).read_bytes() if root else b"{}"
    except FileNotFoundError:
        content = b"{}"
    except OSError as error:
        raise DeliveryError(
            f"{OPTIONS} cannot be read: {error.strerror}. Make it a readable file."
        ) from None
    try:
        declared = DeliveryOptions.model_validate_json(content)
        return DeliveryOptions.model_validate(
            {**declared.model_dump(exclude_unset=True), **(override or {})}
        )
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'JSON'}: {e['msg']}"
            for e in error.errors(include_input=False, include_url=False)
        )
        raise DeliveryError(f"{OPTIONS} is not usable: {reasons}") from None

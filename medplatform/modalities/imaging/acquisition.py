"""How an image was acquired: the elements of the modules of CT, MR, PET, X-ray and ultrasound.

Enhanced objects hold them in the functional group of all frames (PS3.3 C.7.6.16).
"""

from collections.abc import Set
from typing import Any, NamedTuple

from medplatform.modalities.imaging import terms
from medplatform.modalities.imaging.deidentify.code_strings import is_kernel
from medplatform.modalities.imaging.elements import FlatElements
from medplatform.modalities.imaging.values import (
    to_first_integer,
    to_first_number,
    to_integer,
    to_number,
    to_numbers,
    to_texts,
)


class Source(NamedTuple):
    """An element that a column is read from: `keyword`, or in a shared group `grouped`."""

    keyword: str
    group: str = ""
    grouped: str = ""


NUMBERS: dict[str, Source] = {
    "patient_weight_kg": Source("PatientWeight"),
    "patient_size_m": Source("PatientSize"),
    "tube_voltage_kv": Source("KVP", "CTXRayDetailsSequence"),
    "tube_current_ma": Source("XRayTubeCurrent", "CTExposureSequence", "XRayTubeCurrentInmA"),
    "exposure_time_ms": Source("ExposureTime", "CTExposureSequence", "ExposureTimeInms"),
    "exposure_mas": Source("Exposure", "CTExposureSequence", "ExposureInmAs"),
    "reconstruction_diameter_mm": Source("ReconstructionDiameter", "CTReconstructionSequence"),
    "gantry_tilt_deg": Source("GantryDetectorTilt", "CTAcquisitionDetailsSequence"),
    "ctdi_vol_mgy": Source("CTDIvol", "CTExposureSequence"),
    "spiral_pitch": Source("SpiralPitchFactor", "CTTableDynamicsSequence"),
    "repetition_time_ms": Source("RepetitionTime", "MRTimingAndRelatedParametersSequence"),
    "echo_time_ms": Source("EchoTime", "MREchoSequence", "EffectiveEchoTime"),
    "inversion_time_ms": Source("InversionTime", "MRModifierSequence", "InversionTimes"),
    "flip_angle_deg": Source("FlipAngle", "MRTimingAndRelatedParametersSequence"),
    "field_strength_t": Source("MagneticFieldStrength"),
    "averages": Source("NumberOfAverages", "MRAveragesSequence"),
    "imaging_frequency_mhz": Source(
        "ImagingFrequency", "MRImagingModifierSequence", "TransmitterFrequency"
    ),
    "pixel_bandwidth_hz": Source("PixelBandwidth", "MRImagingModifierSequence"),
    "b_value_s_mm2": Source("DiffusionBValue", "MRDiffusionSequence"),
    "frame_duration_ms": Source("ActualFrameDuration"),
    "frame_reference_ms": Source("FrameReferenceTime"),
    "source_to_detector_mm": Source("DistanceSourceToDetector"),
    "source_to_patient_mm": Source("DistanceSourceToPatient"),
    "primary_angle_deg": Source("PositionerPrimaryAngle"),
    "secondary_angle_deg": Source("PositionerSecondaryAngle"),
    "body_part_thickness_mm": Source("BodyPartThickness"),
    "compression_force_n": Source("CompressionForce"),
    "entrance_dose_mgy": Source("EntranceDoseInmGy"),
    "mechanical_index": Source("MechanicalIndex"),
    "frame_time_ms": Source("FrameTime"),
}
"""Columns of numbers; of several values the first."""


TERMS: dict[str, tuple[str, Set[str]]] = {
    "patient_position": ("PatientPosition", terms.PATIENT_POSITIONS),
    "acquisition_type": ("MRAcquisitionType", terms.ACQUISITION_TYPES),
    "pixel_unit": ("Units", terms.PIXEL_UNITS),
    "decay_correction": ("DecayCorrection", terms.DECAY_CORRECTIONS),
    "suv_type": ("SUVType", terms.SUV_TYPES),
    "anode_material": ("AnodeTargetMaterial", terms.ANODES),
}
"""Columns of one defined term."""

TERM_LISTS: dict[str, tuple[str, Set[str]]] = {
    "scanning_sequence": ("ScanningSequence", terms.SCANNING_SEQUENCES),
    "sequence_variant": ("SequenceVariant", terms.SEQUENCE_VARIANTS),
    "corrections": ("CorrectedImage", terms.CORRECTIONS),
}
"""Columns of several defined terms."""


def read_measures(elements: FlatElements) -> dict[str, Any]:
    """The columns of `imaging_instance` that say how much there was of what."""
    numbers = {name: _number(elements, source) for name, source in NUMBERS.items()}
    return {**numbers, "echo_number": elements.read("EchoNumbers", to_first_integer)}


def read_acquisition(elements: FlatElements) -> dict[str, Any]:
    """The other columns of `imaging_instance` that say how the image was acquired."""
    spacing = elements.read("ImagerPixelSpacing", lambda value: to_numbers(value, 2))
    row, column = spacing or (None, None)
    phase = elements.shared("InPlanePhaseEncodingDirection", "MRFOVGeometrySequence")
    return {
        **{name: elements.choice(*source) for name, source in TERMS.items()},
        **{name: elements.choices(*source) for name, source in TERM_LISTS.items()},
        **_tracer(elements),
        "convolution_kernel": elements.known(
            "ConvolutionKernel", elements.read("ConvolutionKernel", to_texts), is_kernel
        ),
        "echo_train_length": elements.read("EchoTrainLength", to_integer),
        "imager_spacing_row_mm": row,
        "imager_spacing_column_mm": column,
        "phase_encoding_direction": elements.term(
            "InPlanePhaseEncodingDirection", terms.PHASE_DIRECTIONS, phase
        ),
        "has_breast_implant": elements.term("BreastImplantPresent", terms.YES_NO),
    }


def first_tracer(elements: FlatElements) -> str | None:
    """The item of the first radiopharmaceutical (PS3.3 C.8.9.2), None where there is none."""
    return elements.item("RadiopharmaceuticalInformationSequence")


def _number(elements: FlatElements, source: Source) -> float | None:
    group = elements.shared(source.keyword, source.group) if source.group else ""
    keyword = source.grouped if group and source.grouped else source.keyword
    return elements.read(keyword, to_first_number, group)


def _tracer(elements: FlatElements) -> dict[str, float | None]:
    item = first_tracer(elements)
    if item is None:
        return {"radionuclide_half_life_s": None, "radionuclide_dose_bq": None}
    return {
        "radionuclide_half_life_s": elements.read("RadionuclideHalfLife", to_number, item),
        "radionuclide_dose_bq": elements.read("RadionuclideTotalDose", to_number, item),
    }

"""Columns of `imaging_instance` that say how an image was acquired, by modality."""

import pyarrow as pa

from medplatform.lake import Column, Phi


def _number(
    name: str,
    description: str,
    unit: str | None = None,
    minimum: float | None = 0,
    maximum: float | None = None,
) -> Column:
    return Column(
        name=name,
        dtype=pa.float64(),
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        description=f"{description}.",
    )


def _integer(name: str, description: str, unit: str | None = None) -> Column:
    return Column(name=name, dtype=pa.int32(), unit=unit, minimum=0, description=f"{description}.")


def _term(name: str, description: str, values: str = "") -> Column:
    return Column(
        name=name, dtype=pa.string(), values=tuple(values.split()), description=f"{description}."
    )


def _terms(name: str, description: str) -> Column:
    return Column(name=name, dtype=pa.list_(pa.string()), description=f"{description}.")


PATIENT_AND_POSITION = (
    Column(
        name="patient_weight_kg",
        dtype=pa.float64(),
        unit="kg",
        phi=Phi.QUASI_IDENTIFIER,
        minimum=0,
        maximum=500,
        description="Patient's Weight (0010,1030), for standardised uptake values.",
    ),
    Column(
        name="patient_size_m",
        dtype=pa.float64(),
        unit="m",
        phi=Phi.QUASI_IDENTIFIER,
        minimum=0,
        maximum=3,
        description="Patient's Size (0010,1020), for standardised uptake values.",
    ),
    _term(
        "patient_position",
        "Patient Position (0018,5100) in the device: head or feet first, and which side lies down, "
        "a defined term of PS3.3 C.7.3.1.1.2",
    ),
)

CT = (
    _number("tube_voltage_kv", "KVP (0018,0060), the peak voltage of the X-ray tube", "kV", 0, 500),
    _number("tube_current_ma", "X-Ray Tube Current (0018,1151), or (0018,9330)", "mA"),
    _number("exposure_time_ms", "Exposure Time (0018,1150), or (0018,9328)", "ms"),
    _number("exposure_mas", "Exposure (0018,1152), or (0018,9332)", "mA.s"),
    _terms("convolution_kernel", "Convolution Kernel (0018,1210), the maker's names of it"),
    _number("reconstruction_diameter_mm", "Reconstruction Diameter (0018,1100)", "mm"),
    _number("gantry_tilt_deg", "Gantry/Detector Tilt (0018,1120)", "deg", minimum=-90, maximum=90),
    _number("ctdi_vol_mgy", "CTDIvol (0018,9345), the volume dose index", "mGy"),
    _number("spiral_pitch", "Spiral Pitch Factor (0018,9311)"),
)

MR = (
    _number("repetition_time_ms", "Repetition Time (0018,0080)", "ms"),
    _number("echo_time_ms", "Echo Time (0018,0081), or Effective Echo Time (0018,9082)", "ms"),
    _number("inversion_time_ms", "Inversion Time (0018,0082), or the first of (0018,9079)", "ms"),
    _number("flip_angle_deg", "Flip Angle (0018,1314)", "deg", 0, 360),
    _number("field_strength_t", "Magnetic Field Strength (0018,0087)", "T", 0, 30),
    _terms("scanning_sequence", "Scanning Sequence (0018,0020): SE, IR, GR, EP, RM"),
    _terms(
        "sequence_variant",
        "Sequence Variant (0018,0021): SK, MTC, SS, TRSS, SP, MP, OSP, TOF, NONE",
    ),
    _term("acquisition_type", "MR Acquisition Type (0018,0023)", "1D 2D 3D"),
    _integer("echo_number", "First of Echo Number(s) (0018,0086)"),
    _integer("echo_train_length", "Echo Train Length (0018,0091)"),
    _number("averages", "Number of Averages (0018,0083)"),
    _number("imaging_frequency_mhz", "Imaging Frequency (0018,0084)", "MHz"),
    _number("pixel_bandwidth_hz", "Pixel Bandwidth (0018,0095)", "Hz"),
    _number("b_value_s_mm2", "Diffusion b-value (0018,9087)", "s/mm2"),
    _term(
        "phase_encoding_direction",
        "In-plane Phase Encoding Direction (0018,1312), ROW for the (0018,9034) of enhanced images "
        "too",
        "ROW COLUMN OTHER",
    ),
)

NUCLEAR = (
    _term("pixel_unit", "Units (0054,1001) of PET, a defined term such as BQML"),
    _term("decay_correction", "Decay Correction (0054,1102) of PET", "NONE START ADMIN"),
    _terms("corrections", "Corrected Image (0028,0051): the corrections that were applied"),
    _term(
        "suv_type",
        "SUV Type (0054,1006): what uptake values are divided by",
        "BSA BW LBM LBMJANMA LBMJAMES128 IBW",
    ),
    _number(
        "radionuclide_half_life_s", "Radionuclide Half Life (0018,1075) of the first tracer", "s"
    ),
    _number(
        "radionuclide_dose_bq", "Radionuclide Total Dose (0018,1074) of the first tracer", "Bq"
    ),
    _number("frame_duration_ms", "Actual Frame Duration (0018,1242)", "ms"),
    _number("frame_reference_ms", "Frame Reference Time (0054,1300)", "ms", minimum=None),
)

PROJECTION = (
    _number("imager_spacing_row_mm", "Imager Pixel Spacing (0018,1164)[0], at the detector", "mm"),
    _number(
        "imager_spacing_column_mm", "Imager Pixel Spacing (0018,1164)[1], at the detector", "mm"
    ),
    _number("source_to_detector_mm", "Distance Source to Detector (0018,1110)", "mm"),
    _number("source_to_patient_mm", "Distance Source to Patient (0018,1111)", "mm"),
    _number(
        "primary_angle_deg",
        "Positioner Primary Angle (0018,1510)",
        "deg",
        minimum=-360,
        maximum=360,
    ),
    _number(
        "secondary_angle_deg",
        "Positioner Secondary Angle (0018,1511)",
        "deg",
        minimum=-360,
        maximum=360,
    ),
    _number("body_part_thickness_mm", "Body Part Thickness (0018,11A0), compressed", "mm"),
    _number("compression_force_n", "Compression Force (0018,11A2)", "N"),
    _number("entrance_dose_mgy", "Entrance Dose in mGy (0040,8302)", "mGy"),
    _term("anode_material", "Anode Target Material (0018,1191)", "TUNGSTEN MOLYBDENUM RHODIUM"),
    Column(
        name="has_breast_implant",
        dtype=pa.bool_(),
        phi=Phi.QUASI_IDENTIFIER,
        description="Breast Implant Present (0028,1300).",
    ),
)

ULTRASOUND = (
    _number("mechanical_index", "Mechanical Index (0018,5022)"),
    _number("frame_time_ms", "Frame Time (0018,1063), between the frames of a loop", "ms"),
)

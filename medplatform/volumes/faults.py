"""What can be wrong with the geometry of a series, and how much deviation is none.

Positions and cosines are decimal strings (DS, PS3.5 6.2) of at most 16 characters, and many
senders round them further: the tolerances are above that noise and below what moves an anatomical
structure.
"""

SAME_COSINE = 1e-4
"""Direction cosines that differ by less are equal: senders round to four to eight digits; 1e-4
moves the corner of a 500 mm field by 0.05 mm."""
SAME_SPACING_MM = 1e-4
"""Pixel spacings that differ by less are equal: over 512 pixels they differ by 0.05 mm."""
SAME_PLACE_MM = 1e-3
"""Positions along the normal that differ by less are one place; slices are never that thin."""
EVEN_STEP = 0.01
"""Part of the usual distance of slices by which a single one may differ, as in highdicom."""
EVEN_STEP_MM = 0.01
"""The least that it may differ: positions of thin slices are rounded to hundredths."""
TILT_DEGREES = 0.1
"""Slices that are stacked off their normal by more are sheared: rounded cosines give 0.01 degrees,
the smallest tilt that scanners set is half a degree."""
SHIFTED_PIXELS = 0.1
"""Part of a pixel by which a slice may lie beside the line through the first and the last."""

OF_SERIES = {
    "missing_slices": "missing",
    "duplicate_slices": "duplicate",
    "images_without_position": "no_position",
    "has_mixed_patients": "mixed_patients",
    "has_mixed_frames_of_reference": "mixed_frames_of_reference",
    "has_mixed_orientation": "mixed_orientation",
    "has_mixed_size": "mixed_size",
    "has_mixed_spacing": "mixed_spacing",
    "has_variable_spacing": "variable_spacing",
    "has_gantry_tilt": "gantry_tilt",
    "has_shifted_slices": "shifted_slices",
    "is_truncated": "truncated",
    "refused_images": "refused",
    "is_mosaic": "mosaic",
    "has_localizer": "localizer",
    "non_images": "non_image",
}
"""Column of `imaging_series` -> the name of its fault in the list `faults`."""

INHERITED = ("refused_images", *(name for name in OF_SERIES if name.startswith("has_mixed_")))
"""What is wrong with every volume of a series: it may lack the slices that did not fit."""
OF_VOLUME = (
    "missing_slices",
    "duplicate_slices",
    *INHERITED,
    "has_variable_spacing",
    "has_gantry_tilt",
    "has_shifted_slices",
)
"""Columns of `imaging_volume` that are faults."""

"""The columns of tables that a policy leaves empty."""

from dataclasses import replace

from medplatform.modalities.imaging.deidentify.policy import Policy
from medplatform.modalities.imaging.records import Annotation, Cell, FrameCell, Header

PATIENT_CHARACTERISTICS = (
    "patient_sex",
    "patient_age_years",
    "patient_weight_kg",
    "patient_size_m",
)
DATES = ("study_at", "acquired_at", "series_at", "content_at", "injected_at")


def withhold(header: Header, policy: Policy) -> None:
    """Empty what the policy does not let into the lake."""
    if not policy.retain_patient_characteristics:
        for name in PATIENT_CHARACTERISTICS:
            header.columns[name] = None
    if policy.dates == "remove":
        for name in DATES:
            setattr(header, name, None)


def withhold_moment(cell: Cell, policy: Policy) -> Cell:
    """The cell without its moment where the policy lets no dates into the lake."""
    if policy.dates != "remove":
        return cell
    if isinstance(cell, FrameCell):
        return replace(cell, acquired_at=None)
    return replace(cell, annotated_at=None) if isinstance(cell, Annotation) else cell

"""The columns of a table that a policy leaves empty, as they come from the header."""

from medplatform.modalities.imaging.deidentify.policy import Policy
from medplatform.modalities.imaging.records import Header

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

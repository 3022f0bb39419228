"""De-identification of FHIR content by a declared policy, a column at a time."""

from medplatform.modalities.ehr.deidentify.deidentifier import (
    Deidentified,
    Deidentifier,
    RowSubjects,
)
from medplatform.modalities.ehr.deidentify.microsoft import read_microsoft_configuration
from medplatform.modalities.ehr.deidentify.policy import Policy, PolicyError
from medplatform.modalities.ehr.deidentify.safe_harbor import SHIFTED_SAFE_HARBOR

__all__ = [
    "SHIFTED_SAFE_HARBOR",
    "Deidentified",
    "Deidentifier",
    "Policy",
    "PolicyError",
    "RowSubjects",
    "read_microsoft_configuration",
]

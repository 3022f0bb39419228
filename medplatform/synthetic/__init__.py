"""A synthetic multi-modal cohort with a planted, known signal: demo, tests, load generator.

Valid FHIR R4, DICOM with SEG, VCF with crosswalk and a scoring file; equal bytes for an equal seed.
All names, numbers and images are made up.
"""

from medplatform.synthetic.canary import identifying_bytes, plant_canary
from medplatform.synthetic.ceilings import Ceilings, compute_ceilings
from medplatform.synthetic.faults import BadDelivery, write_bad_deliveries
from medplatform.synthetic.landing import DeliveryExists
from medplatform.synthetic.write import write_cohort

__all__ = [
    "BadDelivery",
    "Ceilings",
    "DeliveryExists",
    "compute_ceilings",
    "identifying_bytes",
    "plant_canary",
    "write_bad_deliveries",
    "write_cohort",
]

"""Columns that say which sample of a cohort a row is of."""

import pyarrow as pa

from medplatform.lake import Column, Phi

SAMPLE_INDEX = Column(
    name="sample_index",
    dtype=pa.int32(),
    required=True,
    minimum=0,
    description="Position of the sample in the packed genotypes of its cohort, from 0.",
)
PATIENT_ID = Column(
    name="patient_id",
    dtype=pa.string(),
    required=True,
    description="The patient, as in every other table.",
    phi=Phi.PSEUDONYM,
)
SAMPLE_ID = Column(
    name="sample_id",
    dtype=pa.string(),
    required=True,
    description="Token of the sample name.",
    phi=Phi.PSEUDONYM,
)

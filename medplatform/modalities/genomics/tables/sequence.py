"""The table of labelled DNA sequences: sets to train on, of no patient in particular."""

import pyarrow as pa

from medplatform.lake import Column, Phi, Table


def _count(name: str, description: str, minimum: int = 0) -> Column:
    return Column(
        name=name, dtype=pa.int32(), required=True, minimum=minimum, description=description
    )


SEQUENCE = Table(
    name="genomics_sequence",
    unit="sequence",
    description="One row per record of a set of DNA sequences, with its label.",
    columns=(
        Column(
            name="sequence_id",
            dtype=pa.string(),
            required=True,
            phi=Phi.PSEUDONYM,
            description="Token of the name of the sequence, or of its place in the file where it "
            "has none.",
        ),
        Column(name="label", dtype=pa.string(), description="Class as delivered."),
        Column(
            name="task",
            dtype=pa.string(),
            description="What the label is about, in a set of several tasks.",
        ),
        Column(
            name="delivered_split",
            dtype=pa.string(),
            description="Part of a data set that the sender put the record into.",
        ),
        Column(
            name="sequence",
            dtype=pa.string(),
            required=True,
            phi=Phi.GENOTYPE,
            description="Bases in upper case: A, C, G, T, N, the codes of IUPAC for several, and - "
            "for a gap.",
        ),
        _count("length", "Characters of the sequence.", minimum=1),
        _count("n_count", "Of these, N."),
        _count("ambiguous_count", "Of these, other codes that stand for several bases."),
        _count("gap_count", "Of these, gaps."),
        Column(
            name="gc_fraction",
            dtype=pa.float64(),
            minimum=0,
            maximum=1,
            description="G and C among A, C, G and T; null without any of these.",
        ),
        Column(
            name="has_soft_mask",
            dtype=pa.bool_(),
            required=True,
            description="Whether some bases, and not all, were delivered in lower case: repeats.",
        ),
        _count("masked_count", "Bases in lower case, of a sequence with a soft mask."),
        Column(
            name="content_id",
            dtype=pa.string(),
            required=True,
            phi=Phi.GENOTYPE,
            description="Hash of the sequence or of its reverse complement, whichever comes first "
            "in the alphabet: equal for both strands, so that no split has one on either side.",
        ),
    ),
    key=("source_id", "record_number"),
)

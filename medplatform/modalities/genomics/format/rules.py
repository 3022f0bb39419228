"""The rules that FORMAT and its values must satisfy, and what is only remarked on."""

from medplatform.modalities.genomics.header.definition import Definition
from medplatform.modalities.genomics.rules import Rule

TOO_MANY = Rule(
    "format.too_many_values",
    "FORMAT",
    "A sample has more values than FORMAT has keys. Correct the line, or export it again.",
)
LOCAL_ALLELES = Rule(
    "format.local_alleles",
    "FORMAT/LAA",
    "LAA is not a list of different alternate alleles of the line (VCF 4.5, section 1.6.2).",
)
UNDECLARED = Rule(
    "format.undeclared",
    "FORMAT",
    "FORMAT has keys that neither the header nor the VCF specification defines. Their values are "
    "texts; add ##FORMAT lines to the header.",
)
TEXT_DROPPED = Rule(
    "format.text_dropped",
    "FORMAT",
    "Texts of this key may name people, so they were left out. Where they cannot, keep them with "
    "--text-key or text_keys in delivery.json.",
)
TOO_MANY_KEYS = Rule(
    "format.too_many_keys",
    "FORMAT",
    "The records have more different keys of FORMAT than are read. The values of the later ones "
    "were left out; split the file, or leave out keys that nothing needs.",
)
NAMED_KEY = Rule(
    "format.key_names_sample",
    "FORMAT",
    "A key names a sample of the file. Its values were left out; rename the key.",
)


def wrong_type(definition: Definition) -> Rule:
    """A value is not of its type."""
    return Rule(
        "format.type",
        f"FORMAT/{definition.id}",
        f"A value is not of the type {definition.type} that the header or the VCF specification "
        f"gives this key. Correct the value, or the header.",
    )


def wrong_count(definition: Definition) -> Rule:
    """A cell has more or fewer values than its key must have."""
    return Rule(
        "format.count",
        f"FORMAT/{definition.id}",
        f"A sample does not have as many values as Number={definition.number} of this key asks for "
        f"(VCF specification, section 1.4.2). Correct the values, or the header.",
    )

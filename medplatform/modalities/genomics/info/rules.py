"""The rules on INFO values, each with a mask of the values that break it."""

# pyarrow.compute makes its functions when it is imported.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medplatform.modalities.genomics.header.definition import Definition
from medplatform.modalities.genomics.info.items import Values
from medplatform.modalities.genomics.rules import Rule

FLAG_VALUE = Rule(
    "info.flag_with_value",
    "INFO",
    "A key of the type Flag has a value other than 0 and 1. Remove it or correct the header.",
)
REPEATED_KEY = Rule(
    "info.repeated_key",
    "INFO",
    "The line has a key twice (section 1.6.1), so its value is not known. Leave one of them.",
)
OUT_OF_RANGE = Rule(
    "info.out_of_range",
    "INFO",
    "A count, depth or frequency is negative, or a CIGAR is not one. Correct the value.",
)
KEY_SYNTAX = Rule(
    "info.key_syntax",
    "INFO",
    "A key of INFO has a blank or another character that keys cannot have (section 1.6.1). "
    "Correct the line.",
)

NO_FORMAT = Rule(
    "annotation.no_format",
    "INFO",
    "The header does not say which fields the annotations have, so they were left out. Its line of "
    "the key must end with Format: and their names: annotate the file again.",
)


def no_format(element: str, missing: Sequence[str]) -> Rule:
    """The remark on annotations whose format is not stated, or lacks fields."""
    rule = NO_FORMAT._replace(element=element)
    if not missing:
        return rule
    lacks = f"The format that the header states for the annotations lacks {', '.join(missing)}"
    return rule._replace(
        reason=f"{lacks}, so they were left out. Annotate the file again with all fields that say "
        "which allele has which consequence."
    )


UNDECLARED = Rule(
    "info.undeclared",
    "INFO",
    "A key is not defined in the header (section 1.4.2). Its values were read as texts; add its "
    "line ##INFO.",
)
TOO_MANY_KEYS = Rule(
    "info.too_many_keys",
    "INFO",
    "The records have more keys that the header does not define than are read. The values of the "
    "later ones were left out; add their lines ##INFO.",
)
EMPTY_ITEM = Rule(
    "info.empty_item",
    "INFO",
    "INFO has an item without a key, such as ';;'. It was passed over.",
)
NO_VALUE = Rule(
    "info.no_value",
    "INFO",
    "A key that is no Flag has no value. It was read as missing; write '.' or correct the header.",
)
COMMA_IN_TEXT = Rule(
    "info.comma_in_text",
    "INFO",
    "A text of Number=1 has a comma (section 1.6.1). It was kept as one text; write %2C.",
)
DROPPED_TEXT = Rule(
    "info.text_not_kept",
    "INFO",
    "Texts of this key were left out: no public tool defines it, so they might name people. Where "
    "they cannot, keep them with --text-key or text_keys in delivery.json.",
)
NAMED_KEY = Rule(
    "info.key_names_sample",
    "INFO",
    "A key names a sample of the file. Its values were left out; rename the key.",
)


def wrong_type(definition: Definition) -> Rule:
    """A value is not of its type."""
    return Rule(
        "info.value_type",
        "INFO",
        f"A value is not of the type {definition.type} that the header, or the VCF specification, "
        f"gives its key (section 1.4.2). Correct the value or the header.",
    )


def wrong_number(definition: Definition) -> Rule:
    """A key has more or fewer values than it must have."""
    return Rule(
        "info.cardinality",
        "INFO",
        f"A key has more or fewer values than Number={definition.number} asks for with the alleles "
        f"of the line (section 1.4.2). Correct the values or the header.",
    )


_NOT_NEGATIVE = frozenset({"AC", "AF", "AN", "DP", "MQ0", "NS", "END"})
_CIGAR = r"^(?:[0-9]+[MIDNSHP=X])+$"


def repeated(values: Values) -> np.ndarray:
    """Which values are of a record that has the key before (bool)."""
    return np.diff(values.sites, prepend=-1) == 0


def out_of_range(definition: Definition, values: pa.Array) -> np.ndarray | None:
    """Which values cannot be what the specification reserves the key for; None where none."""
    if definition.id in _NOT_NEGATIVE and definition.type in ("Integer", "Float"):
        least = pc.min(values).as_py()
        if least is None or least >= 0:
            return None
        return pc.fill_null(pc.less(values, 0), False).to_numpy(zero_copy_only=False)
    if definition.id == "CIGAR" and definition.type == "String":
        is_cigar = pc.fill_null(pc.match_substring_regex(values, _CIGAR), True)
        return None if is_cigar.false_count == 0 else ~is_cigar.to_numpy(zero_copy_only=False)
    return None


def wrong_count(
    definition: Definition, counts: np.ndarray, alternates: np.ndarray
) -> np.ndarray | None:
    """Which lists have the wrong length; `alternates` are the alternate alleles per list.

    Where ALT is '.', one value of Number=A is right as none is. Number=G gives no length without
    a sample's ploidy.
    """
    if definition.number == "A":
        return (counts != alternates) & ~((alternates == 0) & (counts == 1))
    if definition.number == "R":
        return (counts != alternates + 1) & ~((alternates == 0) & (counts == 2))
    if isinstance(definition.number, int):
        return counts != definition.number
    return None


def spread(mask: np.ndarray, sites: np.ndarray, count: int) -> np.ndarray:
    """From a mask of values to one of the records that they are of."""
    broken = np.zeros(count, bool)
    broken[sites[mask]] = True
    return broken

"""Ids of records: those of public archives stay, those that a sender made become tokens.

Column ID and the INFO keys that point to it (VCF 4.5, sections 1.6.1 and 5.4) can hold what a
laboratory numbers its cases by. A token is the same for the same id, so mates find each other.
"""

import re

import numpy as np
import pyarrow as pa

from medplatform.privacy import Identity

LINK_KEYS = frozenset({"EVENT", "MATEID", "PARENT", "PARID"})
"""INFO keys that name other records by their ID."""

_PUBLIC = re.compile(
    r"(?:rs|ss|[en]s?sv|dgv)[0-9]+(?:n[0-9]+)?"  # dbSNP, dbVar, DGVa, DGV
    r"|COS[MVNPS][0-9]+"  # COSMIC
    r"|(?:RCV|SCV|VCV)[0-9]{9}(?:\.[0-9]+)?"  # ClinVar
    r"|CA[0-9]+|PA[0-9]+|CR[0-9]+"  # ClinGen alleles, PharmGKB
    r"|(?:chr)?(?:[0-9]{1,2}|X|Y|MT?)[:_-][0-9]+(?:[:_/>-][ACGTN*]+)*"  # its own place
)
_ITEM = re.compile(r"[^;,]+")


class RecordIds:
    """Replaces ids that are not public."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def protect(self, array: pa.Array) -> pa.Array:
        """The ids of records, `;` or `,` between several of one, or lists of such texts."""
        if pa.types.is_list(array.type):
            first, last = array.offsets[0].as_py(), array.offsets[-1].as_py()
            return pa.ListArray.from_arrays(
                pa.array(array.offsets.to_numpy() - first),
                self.protect(array.values.slice(first, last - first)),
                type=array.type,
                mask=array.is_null(),
            )
        encoded = array.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        tokens = self._tokens({item for text in texts for item in _ITEM.findall(text)})
        words = [_ITEM.sub(lambda item: tokens.get(item[0], item[0]), text) for text in texts]
        return pa.array(words, array.type).take(encoded.indices)

    def _tokens(self, ids: set[str]) -> dict[str, str]:
        own = [name for name in sorted(ids) if name != "." and not _PUBLIC.fullmatch(name)]
        tokens = self._identity.tokens("genomics_record", [name.encode() for name in own])
        return dict(zip(own, np.char.decode(tokens, "ascii").tolist(), strict=True)) if own else {}

"""Which texts of a VCF file may enter the lake, and what is taken out of them.

INFO and FORMAT values of the types String and Character can hold anything, names of people among
it. Kept are those of keys that public tools and archives define (`text_keys.json`) and of keys that
the sender or the installation vouches for; every other text is dropped. In what is kept, the
samples and patients of the delivery are replaced wherever they are named (`names`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from urllib.parse import unquote

import polars as pl
import pyarrow as pa

from medplatform.modalities.genomics.deidentify.names import find_spellings


@dataclass(frozen=True, slots=True)
class TextPolicy:
    """The INFO and FORMAT keys whose texts are kept; `*` in a key stands for any characters."""

    keys: frozenset[str]

    @classmethod
    def with_keys(cls, declared: Iterable[str] = ()) -> "TextPolicy":
        """The keys of public tools and archives, and those that are declared beside them."""
        return cls(_public_keys() | frozenset(declared))

    def lists(self, key: str) -> bool:
        """Whether a key is among them as it is written, not by a pattern: then it names nobody."""
        return key in self.keys

    def keeps(self, key: str) -> bool:
        """Whether texts of an INFO or FORMAT key may enter the lake.

        >>> policy = TextPolicy.with_keys()
        >>> [policy.keeps(key) for key in ("SVTYPE", "Gene.refGene", "SAMPLE", "COMMENT")]
        [True, True, False, False]
        """
        return key in self.keys or any(
            fnmatchcase(key, pattern) for pattern in self.keys if "*" in pattern
        )


@cache
def _public_keys() -> frozenset[str]:
    content = files(__package__ or "").joinpath("text_keys.json").read_text("utf-8")
    groups: dict[str, list[str]] = json.loads(content)
    return frozenset(key for keys in groups.values() for key in keys)


def scrub(array: pa.Array, names: Mapping[str, str]) -> pa.Array:
    """Replace names that stand in texts as whole words, in any of their spellings.

    Parameters
    ----------
    array
        Strings, or lists of lists of … strings, with nulls.
    names
        Name of a sample or patient as delivered -> what stands for it in the lake.

    Returns
    -------
    An array of the same type and length: the same one where nobody is named.
    """
    if not names or not len(array):
        return array
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return _scrub_lists(array, names)
    replaced = _replace(array.unique().drop_null(), names)
    if not replaced:
        return array
    encoded = array.dictionary_encode()
    words = [replaced.get(text, text) for text in encoded.dictionary.to_pylist()]
    return pa.array(words, array.type).take(encoded.indices)


def _scrub_lists(array: pa.ListArray, names: Mapping[str, str]) -> pa.Array:
    first, last = array.offsets[0].as_py(), array.offsets[-1].as_py()
    items = array.values.slice(first, last - first)
    scrubbed = scrub(items, names)
    if scrubbed is items:
        return array
    kind = pa.LargeListArray if pa.types.is_large_list(array.type) else pa.ListArray
    offsets = pa.array(array.offsets.to_numpy() - first)
    return kind.from_arrays(offsets, scrubbed, type=array.type, mask=array.is_null())


def _replace(texts: pa.Array, names: Mapping[str, str]) -> dict[str, str]:
    """Texts that name someone, with names replaced; then without percent signs for characters."""
    spellings = find_spellings(tuple(names))
    unseen = [text for text in texts.to_pylist() if text not in spellings.harmless]
    if not unseen:
        return {}
    frame = pl.DataFrame({"text": pl.Series(unseen, dtype=pl.String)})
    # Also what VCF does not escape is, by tools that write names as parts of addresses.
    has_escape = pl.col("text").str.contains("%", literal=True)
    plain = pl.col("text").map_elements(unquote, return_dtype=pl.String)
    frame = frame.with_columns(
        plain=pl.when(has_escape).then(plain).otherwise("text")
        if frame.select(has_escape.any()).item()
        else "text"
    )
    is_naming = pl.col("plain").str.to_lowercase().str.contains_any(spellings.clues.implode())
    replaced: dict[str, str] = {}
    for text, written in frame.filter(is_naming).iter_rows():
        changed = spellings.replace(written, names)
        if changed != written:
            replaced[text] = changed
    spellings.note_harmless(text for text in unseen if text not in replaced)
    return replaced

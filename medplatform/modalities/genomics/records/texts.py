"""The texts of a field in a batch, each of which is looked at once."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.modalities.genomics.deidentify.texts import scrub

Found = TypeVar("Found")


class Texts:
    """A field, as the different texts that it has and which of them each record has."""

    def __init__(self, texts: pa.StringArray) -> None:
        encoded = texts.dictionary_encode()
        self.codes = encoded.indices.to_numpy()
        self.dictionary = encoded.dictionary
        self.texts = pl.Series("text", encoded.dictionary, dtype=pl.String)

    def spread(self, of_text: pl.Series) -> np.ndarray:
        """From a mask of texts to one of records."""
        return of_text.fill_null(False).to_numpy()[self.codes]

    def gather(self, of_text: pl.Series) -> pl.Series:
        """From a value per text to one per record."""
        return of_text.gather(self.codes)


class Judged(Generic[Found]):
    """What a field's texts mean; batches of a file often have the same chromosome or filters."""

    def __init__(self, judge: Callable[[pl.Series], Found]) -> None:
        self._judge = judge
        self._last: tuple[pa.Array, Found] | None = None

    def __call__(self, texts: Texts) -> Found:
        if self._last is None or not self._last[0].equals(texts.dictionary):
            self._last = texts.dictionary, self._judge(texts.texts)
        return self._last[1]


def as_set(texts: list[str]) -> pl.Series:
    """A set to look texts up in."""
    return pl.Series(texts, dtype=pl.String).implode()


def lack(parts: pl.Series, known: pl.Series) -> pl.Series:
    """Which lists of texts have one that is not known (bool)."""
    exploded = pl.DataFrame({"text": np.arange(len(parts)), "part": parts}).explode("part")
    is_unknown = exploded["part"].is_not_null() & ~exploded["part"].is_in(known)
    found = np.zeros(len(parts), bool)
    found[exploded["text"].filter(is_unknown).to_numpy()] = True
    return pl.Series(found)


def scrub_series(texts: pl.Series, names: Mapping[str, str]) -> pl.Series:
    """Texts of which those that name samples or patients have what stands for them."""
    return pl.Series(texts.name, scrub(texts.to_arrow(), names)) if names else texts

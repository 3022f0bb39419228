"""The spellings of names of samples and patients, and where texts have them.

A name is found as a whole word, in any case from four characters on. One of two to four words
(`Doe^Jane`, `JohnSmith`) is found in any order of its words, whatever separates them. One word of
it is found where the name is written as those of people are (with `^` or `,`, or each word with one
capital, its first), and where the word is a whole item of a text: `Lynch` in `Lynch_syndrome`
stays.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice, permutations
from typing import NamedTuple

import polars as pl

REPLACED_WORD = "redacted"
"""Stands for one word of a name: it may be of several people."""

_BEFORE, _BEHIND = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
_ITEM_START, _ITEM_END = r"(?<![^|,;:&/=()<>\[\]])", r"(?![^|,;:&/=()<>\[\]])"
_BETWEEN = r"[\s^,._+-]"
_NO_NAME = re.compile(r".|[0-9]{1,3}")
"""Single characters and small numbers: bases, codes and counts, which identify nobody."""
_BETWEEN_WORDS_OF_KEYS = re.compile("[._-]")
_SEPARATORS = re.compile(rf"{_BETWEEN}+")
_CAMEL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])")
_LETTERS = re.compile(r"[^\W\d_]+")
_DIGIT = re.compile("[0-9]")
_SHORTEST_ANY_CASE = 4
_SHORTEST_WORD = 4
_SHORTEST_OF_LONGEST = 3
_MOST_WORDS = 4
_MOST_HARMLESS, _LONGEST_HARMLESS = 1 << 12, 64
_SHORTEST_IN_KEY = 3
_STUDY_WORDS = frozenset({
    "affected", "batch", "blood", "brother", "case", "cell", "child", "control", "daughter",
    "dna", "donor", "exome", "family", "father", "female", "genome", "germline", "index", "kit",
    "lane", "library", "line", "male", "mother", "normal", "pass", "patient", "plasma", "pool",
    "primary", "proband", "reference", "relapse", "rna", "saliva", "sample", "sibling",
    "sister", "somatic", "son", "subject", "test", "tissue", "tumor", "tumour", "twin",
    "unaffected", "unknown",
})  # fmt: skip
"""Words of studies: of such alone are names of samples, filters and values."""


class _Spelling(NamedTuple):
    name: str
    pattern: str
    clues: tuple[str, ...]
    """Lower-case texts, the longest first, that are in every text where the pattern is found."""
    is_word: bool = False


class Spellings:
    """How some names are written.

    Attributes
    ----------
    clues
        Lower-case texts; what has none of them, in lower case, names nobody.
    harmless
        Some texts that were looked at and name nobody: chromosomes, filters and alleles come again
        with every batch.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        same = Counter(name.lower() for name in names)
        found = [s for name in names for s in _spell(name, has_twin=same[name.lower()] > 1)]
        distinct = {spelling.pattern: spelling for spelling in reversed(found)}.values()
        # Longer names first, and of names of one length those that are written exactly so.
        order = sorted(distinct, key=lambda s: (s.is_word, -len(s.name), s.pattern[:3] == "(?i"))
        self._by_clue: dict[str, list[tuple[int, _Spelling]]] = {}
        for place, spelling in enumerate(order):
            self._by_clue.setdefault(spelling.clues[0], []).append((place, spelling))
        self.clues = pl.Series(list(self._by_clue), dtype=pl.String)
        self.harmless: set[str] = set()

    def note_harmless(self, texts: Iterable[str]) -> None:
        """Remember texts that name nobody, as far as there is room."""
        room = max(0, _MOST_HARMLESS - len(self.harmless))  # threads may have overfilled it
        short = (text for text in texts if len(text) <= _LONGEST_HARMLESS)
        self.harmless.update(islice(short, room))

    def replace(self, text: str, names: Mapping[str, str]) -> str:
        """A text with `names` (those of the spellings) replaced."""
        folded = text.lower()
        hinted = [s for clue, some in self._by_clue.items() if clue in folded for s in some]
        spellings = [s for _, s in sorted(hinted) if all(clue in folded for clue in s.clues)]
        pattern = "|".join(f"({spelling.pattern})" for spelling in spellings)

        def replacement(found: re.Match[str]) -> str:
            spelling = spellings[(found.lastindex or 1) - 1]
            return REPLACED_WORD if spelling.is_word else names[spelling.name]

        return _compile(pattern).sub(replacement, text) if spellings else text


# The cache of `re` holds fewer patterns than a file has samples.
_compile = lru_cache(maxsize=1 << 13)(re.compile)


@lru_cache(maxsize=8)
def find_spellings(names: tuple[str, ...]) -> Spellings:
    """The spellings of names; the same ones are asked for with every batch of a file."""
    return Spellings(names)


def is_named_in(key: str, names: Mapping[str, str]) -> bool:
    """Whether a key of INFO or FORMAT names someone: within a word of it too, as it is written.

    >>> names = {"NA12878": "s1", "Jane_Doelle": "s2", "AC": "s3", "100": "s4"}
    >>> [is_named_in(key, names) for key in ("DPNA12878", "doelle_jane", "Doelle_af", "na12878_dp")]
    [True, True, True, True]
    >>> [is_named_in(key, names) for key in ("AC", "HIST100")]
    [False, False]
    """
    long = {
        name: label
        for name, label in names.items()
        if len(name) >= _SHORTEST_IN_KEY and not _NO_NAME.fullmatch(name)
    }
    if any(name in key for name in long):
        return True
    items = _BETWEEN_WORDS_OF_KEYS.sub("|", key)
    spellings = find_spellings(tuple(long))
    return any(spellings.replace(text, long) != text for text in (key, items))


def _spell(name: str, *, has_twin: bool) -> Iterator[_Spelling]:
    """The spellings of a name; `has_twin`: another differs only by its case."""
    if _NO_NAME.fullmatch(name):
        return
    words = _words(name)
    is_of_study = set(map(str.lower, words)) <= _STUDY_WORDS and not _DIGIT.search(name)
    is_exact = len(name) < _SHORTEST_ANY_CASE or is_of_study or name.lower() == name.upper()
    whole = re.escape(name)
    if is_exact or has_twin:
        yield _Spelling(name, f"{_BEFORE}{whole}{_BEHIND}", (name.lower(),))
    if is_exact:
        return
    yield _Spelling(name, _any_case(whole), (name.lower(),))
    if not 2 <= len(words) <= _MOST_WORDS or len(max(words, key=len)) < _SHORTEST_OF_LONGEST:
        return
    orders = "|".join(f"{_BETWEEN}*".join(order) for order in permutations(words))
    clues = sorted(map(str.lower, words), key=len, reverse=True)
    yield _Spelling(name, _any_case(f"(?:{orders})"), tuple(clues))
    is_of_people = "^" in name or "," in name or all(map(str.istitle, words))
    for word in map(str.lower, words if is_of_people else ()):
        if len(word) >= _SHORTEST_WORD and word not in _STUDY_WORDS:
            pattern = f"(?i:{_ITEM_START}{word}{_ITEM_END})"
            yield _Spelling(name, pattern, (word,), is_word=True)


def _any_case(pattern: str) -> str:
    return f"(?i:{_BEFORE}{pattern}{_BEHIND})"


def _words(name: str) -> list[str]:
    """The words of a name, without its numbers; none where one of its parts is neither."""
    parts = [part for part in _SEPARATORS.split(name) if part and not part.isdigit()]
    words = [word for part in parts for word in _CAMEL.split(part)]
    return words if all(map(_LETTERS.fullmatch, words)) else []

"""Who a synthetic patient is on paper: all that identifies them, equal in every modality.

Names are made of syllables and belong to nobody; telephone numbers are of the range reserved for
fiction and mail addresses of a domain reserved for examples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from medplatform.synthetic.cohort import History
from medplatform.synthetic.draws import Draws, make_uid

_ONSETS = "bdfghjklmnprstvwz"
_VOWELS = "aeiou"
_STREETS = ("Alder Court", "Birch Street", "Cedar Lane", "Dune Road", "Elm Avenue", "Fern Walk")
_TOWNS = ("Eastvale", "Northfield", "Oakmere", "Stonebridge", "Westhaven")
_STATES = ("CA", "IL", "MA", "NY", "TX", "WA")
_MRN_SPACE = 89_999_999  # shares no factor with the stride, so that no number occurs twice
_MRN_STRIDE = 7_368_787


@dataclass(frozen=True, slots=True)
class Person:
    """Identifiers of a patient. `uid_seed` and `key` make the UIDs of their images and files."""

    key: str
    mrn: str
    fhir_id: str
    sample_id: str
    family: str
    given: str
    birth_date: date
    ssn: str
    phone: str
    email: str
    address_line: str
    city: str
    state: str
    postal_code: str
    institution: str
    accession: str
    uid_seed: int

    def uid(self, what: str) -> str:
        """A DICOM UID of this person's, the same each time."""
        return make_uid(self.uid_seed, f"{self.key}:{what}")


def identify(seed: int, history: History) -> Person:
    """The identifiers of a patient of a cohort."""
    words = Draws(seed, history.number, 1).words("person", 16)[0]
    numbers = iter(words.tolist())
    family, given = _name(numbers), _name(numbers)
    offset = int(Draws(seed, 0, 1).words("mrn")[0, 0])
    mrn = 10_000_000 + (offset + history.number * _MRN_STRIDE) % _MRN_SPACE
    return Person(
        key=str(history.number),
        mrn=f"{mrn:08d}",
        fhir_id=f"{next(numbers):016x}",
        sample_id=f"S{history.number:06d}",
        family=family,
        given=given,
        birth_date=history.birth_date,
        ssn=f"999-{next(numbers) % 90 + 10:02d}-{next(numbers) % 9000 + 1000:04d}",
        phone=f"({next(numbers) % 700 + 200}) 555-01{next(numbers) % 100:02d}",
        email=f"{given}.{family}@example.org".lower(),
        address_line=f"{next(numbers) % 900 + 1} {_pick(_STREETS, next(numbers))}",
        city=_pick(_TOWNS, next(numbers)),
        state=_pick(_STATES, next(numbers)),
        postal_code=history.postal_code,
        institution=f"{_pick(_TOWNS, next(numbers))} General Hospital",
        accession=f"A{next(numbers) % 10**10:010d}",
        uid_seed=seed,
    )


def _name(numbers: Iterator[int]) -> str:
    bits = next(numbers)
    letters = ""
    for _ in range(2 + bits % 2):
        bits >>= 8
        letters += _pick(_ONSETS, bits) + _pick(_VOWELS, bits >> 5)
    return letters.capitalize() + "n"


def _pick(words: Sequence[str], number: int) -> str:
    return words[number % len(words)]

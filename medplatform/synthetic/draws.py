"""Random draws that depend on (seed, name of the quantity, patient number) and on nothing else.

A counter-based generator (Philox) is keyed by seed and name, and its counter is the patient
number. So patient 17 is the same person in a cohort of 20 and of 20,000, in every batch size, and
a new quantity does not disturb the others.
"""

from hashlib import sha256

import numpy as np
from numpy.random import Generator, Philox

_WORDS_PER_COUNT = 4  # Philox 4x64 gives four 64-bit words for each value of its counter


class Draws:
    """Draws for the patients `first` … `first + count - 1`.

    Parameters
    ----------
    seed
        Seed of the cohort.
    first
        Number of the first patient, from 0.
    count
        How many patients.
    """

    def __init__(self, seed: int, first: int, count: int) -> None:
        self.seed = seed
        self.first = first
        self.count = count

    def words(self, name: str, width: int = 1) -> np.ndarray:
        """Independent 64-bit words, shape (count, width), uint64."""
        start = self.first * width
        bits = Philox(key=_key(self.seed, name), counter=start // _WORDS_PER_COUNT)
        skipped = start % _WORDS_PER_COUNT
        return bits.random_raw(skipped + self.count * width)[skipped:].reshape(self.count, width)

    def uniforms(self, name: str, width: int) -> np.ndarray:
        """Uniform numbers in [0, 1), shape (count, width), float64."""
        return (self.words(name, width) >> np.uint64(11)) * 2.0**-53

    def uniform(self, name: str) -> np.ndarray:
        """Uniform numbers in [0, 1), shape (count,), float64."""
        return self.uniforms(name, 1)[:, 0]

    def normals(self, name: str, width: int) -> np.ndarray:
        """Standard normal numbers (Box-Muller), shape (count, width), float64."""
        pairs = self.uniforms(name, 2 * width)
        radius = np.sqrt(-2.0 * np.log1p(-pairs[:, :width]))
        return radius * np.cos(2.0 * np.pi * pairs[:, width:])

    def normal(self, name: str) -> np.ndarray:
        """Standard normal numbers, shape (count,), float64."""
        return self.normals(name, 1)[:, 0]

    def chance(self, name: str, probability: np.ndarray | float) -> np.ndarray:
        """True with the given probability, shape (count,), bool."""
        return self.uniform(name) < probability

    def integers(self, name: str, low: int, high: int) -> np.ndarray:
        """Whole numbers from `low` to `high`, both included, shape (count,), int64."""
        return low + (self.uniform(name) * (high - low + 1)).astype(np.int64)


def generator(seed: int, name: str) -> Generator:
    """A NumPy generator keyed by seed and name, for what is drawn once (one image, say)."""
    return Generator(Philox(key=_key(seed, name)))


def make_uid(seed: int, name: str) -> str:
    """A DICOM UID under 2.25 (PS3.5 B.2), the same for equal seed and name."""
    return f"2.25.{int.from_bytes(sha256(f'{seed}:uid:{name}'.encode()).digest()[:16], 'big')}"


def _key(seed: int, name: str) -> np.ndarray:
    return np.frombuffer(sha256(f"{seed}:{name}".encode()).digest()[:16], dtype="<u8")

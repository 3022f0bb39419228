"""`python -m benchmarks.fuzz_headers FOLDER [RUNS] [SEED]`: damaged DICOM headers, read two ways.

Each run damages the bytes of one of the files below a folder: flipped, inserted, deleted, copied
and cut, VRs, lengths and delimiters swapped. Whatever was done to it,

- the walker does not raise,
- where it answers, pydicom finds the same elements,
- and whatever pydicom can parse is flattened without an exception.

A run that breaks a rule leaves its file in `fuzz/`.
"""

import io
import logging
import random
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmread

from medplatform.modalities.imaging.errors import READ_ERRORS
from medplatform.modalities.imaging.flatten import Element
from medplatform.modalities.imaging.flatten.reading import walk_file
from medplatform.modalities.imaging.flatten.tree import flatten_dataset

LARGEST = 300_000
MOST_INFLATED = 1 << 26
_PREFIX = 132
_VRS = (b"UN", b"SQ", b"OB", b"LO", b"IS", b"DS", b"US", b"AT", b"FD", b"UT", b"SV", b"PN", b"UI")
_MARKS = (
    *(b"\xff\xff\xff\xff", b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0"),
    *(b"\0\0\0\0", b"ISO_", b"\x08\0\x05\0", b"\x28\0\x03\x01"),
)
_ODD = (0, 0xFF, 0x20, 0x5C, 0x1B, 1)


def damage(data: bytes, rng: random.Random) -> bytes:
    """A file with one to six faults among its first elements, often; its prefix stays."""
    damaged = bytearray(data)
    reach = rng.choice((600, 2_000, 6_000, 20_000))
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        if len(damaged) <= _PREFIX + 8:
            break
        last = min(reach, len(damaged) - 1)
        place, other = rng.randrange(_PREFIX, last), rng.randrange(_PREFIX, last)
        match rng.randrange(8):
            case 0:
                damaged[place] = rng.randrange(256)
            case 1:
                damaged[place:place] = rng.randbytes(rng.choice((1, 2, 8)))
            case 2:
                del damaged[place : place + rng.choice((1, 2, 8, 100))]
            case 3:
                damaged[place] = rng.choice(_ODD)
            case 4:
                length = rng.choice((1, 4, 8, 60))
                damaged[place : place + length] = damaged[other : other + length]
            case 5:
                damaged[place : place + 2] = rng.choice(_VRS)
            case 6:
                damaged[place : place + 4] = rng.choice(_MARKS)
            case _:
                del damaged[rng.randrange(_PREFIX + 4, len(damaged)) :]
    return bytes(damaged)


def check(data: bytes) -> str:
    """What came of a file: `equal`, `left to pydicom` or `unreadable`; a fault begins with `!`."""
    walked = walk_file(data, most_inflated=MOST_INFLATED)
    try:
        with warnings.catch_warnings(action="ignore"):
            dataset = dcmread(io.BytesIO(data), force=True)
    except READ_ERRORS:
        return "! pydicom cannot read it" if walked else "unreadable"
    elements = flatten_dataset(dataset)
    if walked is None:
        return "left to pydicom"
    return "equal" if same(walked.elements, elements) else "! the elements differ"


def same(some: Sequence[Element], others: Sequence[Element]) -> bool:
    """Whether elements are equal; a NaN equals a NaN, but 1 is not 1.0."""
    return list(map(repr, map(tuple, some))) == list(map(repr, map(tuple, others)))


def read_corpus(folder: Path) -> list[bytes]:
    """The files below a folder of which the walker knows the elements."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    contents = [path.read_bytes() for path in paths if path.stat().st_size <= LARGEST]
    return [data for data in contents if walk_file(data, most_inflated=MOST_INFLATED)]


def main(folder: Path, runs: int = 10_000, seed: int = 0) -> int:
    """Print what was found; 1 where a rule was broken."""
    logging.disable(logging.CRITICAL)
    corpus = read_corpus(folder)
    outcomes: Counter[str] = Counter()
    for run in range(runs):
        rng = random.Random(seed * 1_000_003 + run)
        data = damage(rng.choice(corpus), rng)
        try:
            outcome = check(data)
        except Exception:  # noqa: BLE001 - any exception is what is looked for
            outcome = f"! {traceback.format_exc()}"
        outcomes[outcome] += 1
        if outcome.startswith("!"):
            kept = Path("fuzz") / f"{seed}-{run}.dcm"
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(data)
            print(f"run {run} (file in {kept}): {outcome}")
    for outcome, amount in outcomes.most_common():
        print(f"{amount:>10}  {outcome.splitlines()[0]}")
    return int(any(outcome.startswith("!") for outcome in outcomes))


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[2:4]]
    sys.exit(main(Path(sys.argv[1]), *numbers))

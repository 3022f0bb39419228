"""`python -m benchmarks.fuzz_imaging [RUNS] [SEED] [FOLDER]`: damaged images, read whole.

Each run damages a small delivery (bytes flipped, inserted, deleted, spliced and cut; lengths,
sizes and transfer syntaxes forged) and reads it from its files to its tables. Whatever was done
to it,

- the reader does not raise, and no file stops it,
- every file delivers as many records as the independent count finds, and each is accepted,
  quarantined, kept or blank,
- an accepted image has a row, with as many frames as it says, and each can be decoded (a
  segmentation has masks instead).

Images of all common transfer syntaxes are made up here; FOLDER holds others, such as the test
files of a DICOM library, that are damaged beside them. A run that breaks a rule leaves its files
in `fuzz/`. How often a file killed the process that read it is shown too: that is no fault.
"""

import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.imaging.samples import SOP_INSTANCE_UID, SYNTAXES, make_images
from medplatform.lake import Lake, Stage
from medplatform.modalities.delivery import Delivery, open_delivery
from medplatform.modalities.imaging import IMAGING
from medplatform.modalities.imaging.codec import decode
from medplatform.modalities.imaging.deidentify import Policy
from medplatform.modalities.imaging.dicom import SEGMENTATIONS
from medplatform.modalities.imaging.isolation import ReadingProcess
from medplatform.modalities.imaging.pool import ReadingPool
from medplatform.modalities.imaging.reader import read_files
from medplatform.modalities.imaging.records import Limits
from medplatform.modalities.modality import silent
from medplatform.privacy import Identity, KeyRing

FILES = 12
MOST_BYTES = 300_000
SECONDS = 20
"""What a file may take here, so that one that hangs does not hold up all."""
_FORGED_NUMBERS = (0, 1, 2, 255, 4096, 32767, 65535)
_FORGED_LENGTHS = (0, 1, 7, 1 << 16, 1 << 31, 0xFFFFFFFE, 0xFFFFFFFF)
_PIXEL_ELEMENTS = range(0x02, 0x10)  # and (0028,01xx): rows, columns, bits, signs


class Vandal:
    """Damages deliveries at random."""

    def __init__(self, rng: random.Random, corpus: list[bytes]) -> None:
        self._rng = rng
        self._corpus = corpus
        self._damages: list[Callable[[bytearray], None]] = [
            *(self._flip, self._flip, self._insert, self._delete, self._splice, self._cut),
            *(self._repeat, self._forge_length, self._forge_pixels, self._forge_pixels),
            self._forge_syntax,
        ]

    def files(self, number: int = FILES) -> dict[str, bytes]:
        """The files of a damaged delivery."""
        return {f"{n:03d}{self._rng.choice(['', '.dcm'])}": self._file(n) for n in range(number)}

    def _file(self, number: int) -> bytes:
        # Images of one UID with different content are refused unread.
        uid = SOP_INSTANCE_UID[:-3] + f"{number:03d}"
        data = bytearray(
            self._rng.choice(self._corpus).replace(SOP_INSTANCE_UID.encode(), uid.encode())
        )
        for _ in range(self._rng.choice([1, 1, 1, 2, 4, 16])):
            self._rng.choice(self._damages)(data)
            data = data or bytearray(b"\0")
        return bytes(data)

    def _place(self, data: bytearray) -> int:
        """Often in the header, which is short beside the pixels."""
        last = len(data) - 1
        return self._rng.randint(0, min(last, 2000) if self._rng.random() < 0.6 else last)

    def _flip(self, data: bytearray) -> None:
        data[self._place(data)] ^= 1 << self._rng.randrange(8)

    def _insert(self, data: bytearray) -> None:
        place = self._place(data)
        data[place:place] = self._rng.randbytes(self._rng.choice([1, 2, 8, 100]))

    def _delete(self, data: bytearray) -> None:
        place = self._place(data)
        del data[place : place + self._rng.choice([1, 2, 8, 100])]

    def _splice(self, data: bytearray) -> None:
        other = self._rng.choice(self._corpus)
        place, start = self._place(data), self._rng.randrange(len(other))
        data[place : place + 64] = other[start : start + self._rng.choice([8, 64, 512])]

    def _cut(self, data: bytearray) -> None:
        del data[self._place(data) :]

    def _repeat(self, data: bytearray) -> None:
        place = self._place(data)
        data[place:place] = data[place : place + self._rng.choice([8, 64, 512])]

    def _forge_length(self, data: bytearray) -> None:
        place = self._place(data)
        data[place : place + 4] = self._rng.choice(_FORGED_LENGTHS).to_bytes(4, "little")

    def _forge_pixels(self, data: bytearray) -> None:
        """Another number of rows, columns, bits or samples."""
        group = b"\x28\0" + bytes([self._rng.choice(_PIXEL_ELEMENTS), self._rng.choice([0, 1])])
        place = data.find(group)
        if place >= 0:
            number = self._rng.choice(_FORGED_NUMBERS)
            data[place + 8 : place + 10] = number.to_bytes(2, "little")

    def _forge_syntax(self, data: bytearray) -> None:
        """Another transfer syntax of the same length."""
        place = data.find(b"\x02\0\x10\0UI")
        if place >= 0:
            length = data[place + 6]
            named = [uid for uid in SYNTAXES if length - 1 <= len(uid) <= length]
            if named:
                uid = self._rng.choice(named).encode().ljust(length, b"\0")
                data[place + 8 : place + 8 + length] = uid


class Reading:
    """Reads deliveries with the same processes, and looks at what comes of them."""

    def __init__(self, pool: ReadingPool, identity: Identity) -> None:
        self._pool = pool
        self._identity = identity
        self.outcomes: Counter[str] = Counter()

    def check(self, root: Path, files: dict[str, bytes]) -> str:
        """Read a delivery; what is wrong with the result, or nothing."""
        folder = root / "landing" / "imaging" / "d"
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        delivery = open_delivery(root / "landing", "imaging", "d")
        with Lake(root / "lake").stage("imaging", "d", "g") as stage:
            try:
                read_files(delivery, stage, self._identity, self._pool, silent)
                stage.close()
            except Exception:  # noqa: BLE001 - any exception is what is looked for
                return traceback.format_exc()
            self.outcomes.update(stage.refusals)
            self.outcomes["accepted"] += sum(c.accepted for c in stage.counts.values())
            self.outcomes["delivered"] += sum(c.delivered for c in stage.counts.values())
            return _miscounted(delivery, stage) or _unreadable(stage)


def _miscounted(delivery: Delivery, stage: Stage) -> str:
    recount: Counter[tuple[str, str]] = Counter()
    for source in delivery.sources:
        for unit, records in IMAGING.count_records(source).items():
            recount[source.source_id, unit] += records
    counts = {key: counts.delivered for key, counts in stage.counts.items() if counts.delivered}
    if not all(each.is_balanced for each in stage.counts.values()) or recount != counts:
        return f"{dict(stage.counts)}, but {dict(recount)} were counted"
    return ""


def _unreadable(stage: Stage) -> str:
    """Rows that do not fit each other, or a frame that cannot be decoded."""
    staged = stage.tables()
    instances = stage.read("imaging_instance").to_pylist() if "imaging_instance" in staged else []
    frames = stage.read("imaging_frame").to_pylist() if "imaging_frame" in staged else []
    accepted = sum(c.accepted for (_, unit), c in stage.counts.items() if unit == "instance")
    if accepted != len(instances):
        return f"{accepted} images were accepted, and have {len(instances)} rows"
    images = [row for row in instances if row["sop_class_uid"] not in SEGMENTATIONS]
    if sum(row["frames"] for row in images) != len(frames):
        return f"there are {len(frames)} frames, not as many as their images say"
    for row in frames:
        shape = (row["height"], row["width"], *([row["channels"]] if row["channels"] > 1 else []))
        decode(row["codec"], row["pixels"], dtype=row["dtype"], shape=shape)
    return ""


def read_corpus(folder: Path | None) -> list[bytes]:
    """Images to damage: those made up here, and the small ones of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder else []
    return make_images() * 2 + [
        path.read_bytes() for path in files if 0 < path.stat().st_size <= MOST_BYTES
    ]


def fuzz(
    runs: int, seed: int, corpus: list[bytes], scratch: Path, *, files: int = FILES
) -> tuple[dict[int, tuple[str, dict[str, bytes]]], Counter[str]]:
    """What broke a rule, by the number of the run, with its files; and all outcomes."""
    broken = {}
    limits, policy = Limits(seconds=SECONDS), Policy(clean_pixel_data=False)
    with ReadingPool([ReadingProcess(limits, scratch, policy)]) as pool:
        identity = Identity(KeyRing(bytes(range(32))), scratch / "vault", default_system="urn:mrn")
        reading = Reading(pool, identity)
        for run in range(runs):
            damaged = Vandal(random.Random(seed * 1_000_003 + run), corpus).files(files)
            with tempfile.TemporaryDirectory(dir=scratch) as root:
                if problem := reading.check(Path(root), damaged):
                    broken[run] = problem, damaged
    return broken, reading.outcomes


def main(runs: int, seed: int, folder: str | None) -> int:
    """Print what was found; the number of broken rules, at most 1 as an exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        broken, outcomes = fuzz(
            runs, seed, read_corpus(Path(folder) if folder else None), Path(scratch)
        )
    for run, (problem, files) in broken.items():
        kept = Path("fuzz") / f"{seed}-{run}"
        kept.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (kept / name).write_bytes(data)
        print(f"run {run} (files in {kept}):\n{problem}")
    for outcome, amount in outcomes.most_common():
        print(f"{amount:>10}  {outcome}")
    print(f"{runs} runs, {len(broken)} broken")
    return min(len(broken), 1)


if __name__ == "__main__":
    given = dict(zip(("runs", "seed", "folder"), sys.argv[1:], strict=False))
    sys.exit(main(int(given.get("runs", 100)), int(given.get("seed", 0)), given.get("folder")))

"""Single frames in random order: from the lake, and from what else they could be kept in.

`python -m benchmarks.imaging.frames CANDIDATE FOLDER` runs one candidate in a process of its own
on a folder that `write` filled, and prints its rate as JSON. Frames are CT slices as made up here:
512 x 512, int16, a body of noise in air.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIDE = 512
FRAMES = 400
READS = 1000
ARRAY = "frames.npy"
PAGES = "pages.parquet"

Reader = Callable[[int], np.ndarray]


def make_slice(rng: np.random.Generator) -> np.ndarray:
    """Something that compresses as a CT slice does, to about 2 to 3 times less."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    radius = np.hypot(rows / rng.uniform(0.6, 0.8), columns / rng.uniform(0.8, 0.95))
    tissue = 40 + 60 * np.sin(rows / 17 + rng.uniform(0, 6)) * np.cos(columns / 23)
    body = tissue + rng.normal(0, 12, (SIDE, SIDE))
    return np.where(radius < SIDE / 2, body, -1000).astype(np.int16)


def write(folder: Path, frames: int = FRAMES) -> None:
    """DICOM files, published in a lake; the same as one array, and in compressed pages."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from medplatform.ingest import ingest_delivery
    from medplatform.lake import Lake
    from medplatform.modalities.imaging import IMAGING
    from medplatform.privacy import Identity, KeyRing

    rng = np.random.default_rng(0)
    slices = np.stack([make_slice(rng) for _ in range(frames)])
    delivery = folder / "landing" / "imaging" / "slices"
    delivery.mkdir(parents=True)
    for number, pixels in enumerate(slices):
        save_slice(pixels, number, delivery / f"{number:05d}.dcm")
    (delivery / "_DONE").touch()
    np.save(folder / ARRAY, slices)
    table = pa.table({"pixels": [pixels.tobytes() for pixels in slices]})
    pq.write_table(table, folder / PAGES, compression="zstd", row_group_size=1)
    receipt = ingest_delivery(
        IMAGING,
        delivery.name,
        landing=folder / "landing",
        lake=Lake(folder / "lake"),
        identity=Identity(KeyRing(b"b" * 32), folder / "vault", default_system="urn:mrn"),
    )
    if receipt.status != "published" or not receipt.entry or receipt.entry.refusals:
        raise RuntimeError(f"the delivery was {receipt.status}, or images of it were refused")


def save_slice(pixels: np.ndarray, number: int, path: Path) -> None:
    """Write one slice as an uncompressed CT image."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    uid = UID(f"1.2.826.0.1.3680043.8.498.{number + 1}")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.1", "1.2.3.1.1"
    dataset.PatientID, dataset.Modality, dataset.InstanceNumber = "MRN-1", "CT", number + 1
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [0, 0, number]
    dataset.PixelSpacing, dataset.SliceThickness = [0.7, 0.7], 1
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    dataset.save_as(path, enforce_file_format=True)


def from_lake(folder: Path) -> Reader:
    """The platform's own: cells in HTJ2K, in Parquet."""
    from medplatform.lake import Lake
    from medplatform.modalities.imaging.frames import FrameStore

    store = FrameStore(Lake(folder / "lake"))
    keys = store.keys
    return lambda number: store.read(*keys[number])


def from_dicom(folder: Path) -> Reader:
    """The files as delivered, with pydicom."""
    from pydicom import dcmread

    files = sorted((folder / "landing" / "imaging" / "slices").glob("*.dcm"))
    return lambda number: dcmread(files[number]).pixel_array


def from_array(folder: Path) -> Reader:
    """One uncompressed NumPy file, mapped."""
    array = np.load(folder / ARRAY, mmap_mode="r")
    return lambda number: np.array(array[number])


def from_pages(folder: Path) -> Reader:
    """Parquet with zstd pages, a row group for each frame."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(folder / PAGES, memory_map=True)

    def read(number: int) -> np.ndarray:
        cells = file.read_row_group(number, use_threads=False).column(0)
        return np.frombuffer(cells[0].as_buffer(), np.int16).reshape(SIDE, SIDE).copy()

    return read


CANDIDATES: dict[str, Callable[[Path], Reader]] = {
    "medplatform": from_lake,
    "DICOM files, pydicom": from_dicom,
    "NumPy file, mapped": from_array,
    "Parquet, zstd pages": from_pages,
}


def measure(name: str, folder: Path, reads: int = READS) -> dict[str, float]:
    """Frames per CPU second, and the sum of some pixels, which is the same for all."""
    read = CANDIDATES[name](folder)
    frames = len(np.load(folder / ARRAY, mmap_mode="r"))
    random_numbers = random.Random(1)
    order = [random_numbers.randrange(frames) for _ in range(reads)]
    read(0)  # what opens and imports is not what is measured
    start = time.process_time()
    for number in order:
        read(number)
    seconds = time.process_time() - start
    # The lake orders frames by its own ids, so that only all of them together compare.
    checksum = sum(int(read(number)[SIDE // 2].sum()) for number in range(frames))
    return {"rate": reads / seconds, "checksum": checksum}


def main() -> None:
    """Run one candidate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("candidate", choices=CANDIDATES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reads", type=int, default=READS)
    given = parser.parse_args()
    print(json.dumps(measure(given.candidate, given.folder, given.reads)))


if __name__ == "__main__":
    main()

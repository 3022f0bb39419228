"""Public data: series in archives, and the DICOMDIRs of other libraries."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from medplatform.modalities.imaging.codec import pixel_bytes
from medplatform_tests.modalities.imaging.conftest import Ingested
from medplatform_tests.modalities.imaging.sources.conftest import tar_of, zip_of
from medplatform_tests.public_data import PUBLIC_DATA

SERIES = PUBLIC_DATA / "dicom" / "series" / "mr_uih_t1"
MEDIA = PUBLIC_DATA / "dicom" / "peer" / "pydicom" / "src" / "pydicom" / "data" / "test_files"

pytestmark = [
    pytest.mark.real,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not SERIES.is_dir(), reason=f"no public imaging data in {PUBLIC_DATA}"),
]

Ingest = Callable[[], Ingested]


def test_a_series_comes_out_of_nested_archives_pixel_by_pixel(folder: Path, ingest: Ingest) -> None:
    files = sorted(path for path in SERIES.iterdir() if path.is_file())[:8]
    half = len(files) // 2
    inner = tar_of({path.name: path.read_bytes() for path in files[:half]}, "gz")
    packed = {f"{path.name}.gz": gzip.compress(path.read_bytes(), 1) for path in files[half:]}
    (folder / "study.zip").write_bytes(zip_of({"inner.tgz": inner, **packed}))
    ingested = ingest()
    assert ingested.totals("instance") == {"delivered": len(files), "accepted": len(files)}
    assert {row["pixel_sha256"] for row in ingested.rows("frame")} == {
        hashlib.sha256(pixel_bytes(pydicom.dcmread(path).pixel_array)).hexdigest() for path in files
    }


@pytest.mark.skipif(not (MEDIA / "dicomdirtests").is_dir(), reason="no media")
def test_media_are_checked_and_nothing_of_them_is_lost(folder: Path, ingest: Ingest) -> None:
    (folder / "media").symlink_to(MEDIA / "dicomdirtests")
    ingested = ingest()
    assert ingested.stage.kept_kinds["dicomdir"] >= 4
    assert "dicomdir.unreadable" not in ingested.stage.refusals

"""Files of other libraries: nothing planted in them is left, and they are as valid as before."""

import io
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset

from medplatform.modalities.imaging.codec import pixel_bytes
from medplatform.modalities.imaging.decode import decode_frames
from medplatform.modalities.imaging.deidentify import (
    PLATFORM_POLICY,
    Policy,
    finish,
    prepare,
    rules_of,
)
from medplatform.modalities.imaging.description import settle_description, settle_transfer_syntax
from medplatform.modalities.imaging.errors import READ_ERRORS, Unusable
from medplatform.modalities.imaging.export.original import Pixels, read_original
from medplatform.modalities.imaging.export.written import write_dicom
from medplatform.modalities.imaging.flatten import Element
from medplatform.modalities.imaging.opening import DicomFile
from medplatform.modalities.imaging.records import Header, Limits
from medplatform.privacy import Identity
from medplatform_tests.modalities.imaging.deidentify.planted import (
    NUMBER,
    SECRETS,
    plant_all,
    plant_in_pixels,
)
from medplatform_tests.public_data import PUBLIC_DATA

DICOM = PUBLIC_DATA / "dicom"
POLICY = Policy(clean_pixel_data=False)
SMALL = 300_000

pytestmark = [
    pytest.mark.real,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not DICOM.is_dir(), reason=f"no public imaging data in {PUBLIC_DATA}"),
]

_UNREAD = ("read failed", "Tags out of order", "Object not found", "has incorrect value length")


def files(step: int) -> Iterator[Path]:
    """Small files of all libraries, and of all series."""
    found = [p for p in DICOM.rglob("*") if p.is_file() and p.stat().st_size < SMALL]
    yield from sorted(p for p in found if p.parts[len(DICOM.parts)] in ("peer", "series"))[::step]


def publish(path: Path, identity: Identity) -> tuple[list[Element], Pixels | None] | None:
    """The elements and pixels of a file, de-identified; None where it cannot be in the lake."""
    try:
        reading = read_original(path, Limits(), POLICY)
    except Unusable:
        return None
    subject = identity.subject(None, NUMBER)
    elements = finish(reading.header.prepared, identity, subject)
    present = {each.path for each in elements if each.text}
    if not {"00080016", "00080018"} <= present:
        return None
    return elements, next(iter(reading.cells), None)


def planted(path: Path, copy: Path) -> Path | None:
    """A copy of a file with every kind of identifier; None where pydicom cannot write one."""
    try:
        dataset = pydicom.dcmread(path, force=True)
        plant_all(dataset)
        if not dataset.get("SOPClassUID"):
            return None
        buffer = io.BytesIO()
        plant_in_pixels(_with_meta(dataset))
        pydicom.dcmwrite(buffer, dataset)
    except READ_ERRORS:
        return None
    copy.write_bytes(buffer.getvalue())
    return copy


def _with_meta(dataset: Dataset) -> Dataset:
    meta = getattr(dataset, "file_meta", None) or FileMetaDataset()
    if not meta.get("TransferSyntaxUID"):
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta = meta
    return dataset


def test_no_planted_identifier_is_left_in_real_files(tmp_path: Path, identity: Identity) -> None:
    tested = 0
    for path in files(step=2):
        copy = planted(path, tmp_path / "in.dcm")
        published = publish(copy, identity) if copy else None
        if published is None:
            continue
        elements, pixels = published
        out = tmp_path / "out.dcm"
        write_dicom(elements, pixels, out)
        content = out.read_bytes()
        rows = repr(elements)
        left = [each for each in SECRETS if each in rows or each.encode() in content]
        assert left == [], path.relative_to(DICOM)
        tested += 1
    assert tested >= 150


def test_pixels_decode_to_the_same_values(tmp_path: Path, identity: Identity) -> None:
    tested: Counter[str] = Counter()
    for path in files(step=1):
        before = decoded(path)
        published = publish(path, identity) if before else None
        if published is None:
            continue
        out = tmp_path / "out.dcm"
        write_dicom(*published, out)
        assert decoded(out) == before, path.relative_to(DICOM)
        assert published[1]
        tested[published[1].transfer_syntax_uid] += 1
    assert tested.total() >= 220
    assert len(tested) >= 10


@pytest.mark.parametrize("policy", [PLATFORM_POLICY, Policy(retain_safe_private=False)])
def test_private_elements_that_go_need_not_be_read(policy: Policy) -> None:
    fewer = 0
    for path in files(step=2):
        try:
            everything = DicomFile(path, Limits()).elements
        except Unusable:
            continue
        wanted = DicomFile(path, Limits(), rules_of(policy).may_keep_private).elements
        assert prepare(wanted, policy) == prepare(everything, policy), path.relative_to(DICOM)
        fewer += len(wanted) < len(everything)
    assert fewer >= 50


def decoded(path: Path) -> list[tuple[tuple[int, ...], bytes]] | None:
    """The shapes and pixels of all frames of a file; None where it has none that can be read."""
    try:
        file = DicomFile(path, Limits())
        settle_transfer_syntax(file.dataset, Header())
        settle_description(file.dataset, Header())
        return [(array.shape, pixel_bytes(array)) for array, _ in decode_frames(file.dataset)]
    except (Unusable, *READ_ERRORS):
        return None


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="no dciodvfy (dicom3tools) here")
def test_files_are_as_valid_as_before(tmp_path: Path, identity: Identity) -> None:
    tested = 0
    for path in files(step=5):
        published = publish(path, identity)
        before = _errors(path)
        if published is None or any(word in error for error in before for word in _UNREAD):
            continue
        out = tmp_path / "out.dcm"
        write_dicom(*published, out)
        after = _errors(out)
        assert after.total() <= before.total(), (path.relative_to(DICOM), after - before)
        tested += 1
    assert tested >= 60


def _errors(path: Path) -> Counter[str]:
    """The errors that dciodvfy reports, without the values that they name."""
    found = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)
    lines = (found.stderr + found.stdout).decode("latin-1").splitlines()
    return Counter(re.sub(r"<[^>]*>", "<>", each) for each in lines if each.startswith("Error"))

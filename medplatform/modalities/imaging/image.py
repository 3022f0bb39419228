"""The frames of an image: decoded one by one, described, and compressed."""

import hashlib
from collections.abc import Iterator

from pydicom import Dataset

from medplatform.modalities.imaging import codec
from medplatform.modalities.imaging.decode import decode_frames, frame_cell
from medplatform.modalities.imaging.deidentify import Treatment
from medplatform.modalities.imaging.deidentify.words import treat
from medplatform.modalities.imaging.frame_groups import FrameGroups
from medplatform.modalities.imaging.records import FrameCell, Header


def read_frames(dataset: Dataset, header: Header, treatment: Treatment) -> Iterator[FrameCell]:
    """All frames of an image, treated; the last one completes the header, with their digest.

    Raises
    ------
    Unusable
        The pixels cannot be decoded, or show words.
    """
    groups = FrameGroups(dataset, header.acquired_at)
    digest = hashlib.sha256()
    for number, (array, photometric) in enumerate(decode_frames(dataset), 1):
        array = treat(array, treatment)
        digest.update(codec.pixel_bytes(array))
        header.columns["photometric"] = photometric
        described = groups.describe(number)
        yield frame_cell(
            array,
            number,
            columns=described.columns | {"photometric": photometric},
            acquired_at=described.acquired_at,
            sha256=digest.hexdigest() if number == 1 else None,  # so far it is that of the frame
        )
    header.columns["pixel_sha256"] = digest.hexdigest()
    header.problems += [p for p in groups.elements.problems if p not in header.problems]

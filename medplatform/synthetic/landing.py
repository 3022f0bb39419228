"""Where synthetic deliveries are put: written aside, then closed and moved into place at once."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DeliveryExists(FileExistsError):
    """A delivery of that name is in landing; deliveries never change."""


@contextmanager
def new_delivery(landing: Path, modality: str, name: str) -> Iterator[Path]:
    """A folder to write a delivery into; it appears closed when the block ends without error.

    Raises
    ------
    DeliveryExists
        Before anything is written, if there is a delivery of that name.
    """
    target = landing / modality / name
    if target.exists():
        raise DeliveryExists(
            f"{target} exists, and deliveries never change. Give another name, or remove it."
        )
    draft = target.with_name(f".{name}.draft")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(parents=True)
    yield draft
    (draft / "_DONE").touch()
    draft.rename(target)

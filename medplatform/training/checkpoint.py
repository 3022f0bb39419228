"""Checkpoints: tensors and plain values in one file, replaced as a whole."""

import os
from pathlib import Path
from typing import Any


def save_checkpoint(path: Path, key: str, **state: Any) -> None:
    """Write a checkpoint atomically and durably; `key` says which run may resume from it."""
    import torch

    draft = path.with_suffix(".draft")
    with draft.open("wb") as stream:
        torch.save({"key": key, **state}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def load_checkpoint(path: Path, key: str) -> dict[str, Any] | None:
    """The state saved under this key, on the CPU; None if there is none or it is another run's."""
    import torch

    if not path.exists():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    return state if state["key"] == key else None

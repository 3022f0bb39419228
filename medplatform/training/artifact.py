"""Save a trained model as files that hold no pickle, and load it again.

The format is MLflow's `pt2`: a graph exported by torch with its weights. It needs torch alone to
run, no class of this package. Loading refuses an archive that holds a pickle
(MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false is set when the package is imported).
"""

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medplatform.training.recipe import TrainingError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn


class ModelChanged(TrainingError):
    """The files of a model are not those that were trained."""


def save_model(
    folder: Path,
    model: "nn.Module",
    *,
    input_example: "NDArray[np.float32]",
    input_shape: tuple[int, ...],
    metadata: dict[str, str],
) -> str:
    """Export a model on the CPU to a new folder and return its digest.

    Parameters
    ----------
    input_example
        Zeros of at least two rows: the graph is traced with it, and it is stored beside it.
    input_shape
        Shape of the input in the signature, -1 for any size.
    metadata
        Stored in the MLmodel file: recipe, data set digest, …
    """
    import torch

    with _without_library_warnings():
        from mlflow import pytorch
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

    with torch.no_grad():
        output = model(torch.from_numpy(input_example))
    output_shape = input_shape if output.ndim > 1 else input_shape[:1]
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), input_shape)]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), output_shape)]),
    )
    version = torch.__version__.partition("+")[0]
    with _without_library_warnings():
        pytorch.save_model(
            model,
            str(folder),
            signature=signature,
            input_example=input_example,
            serialization_format="pt2",
            pip_requirements=[f"torch=={version}", f"numpy=={np.__version__}"],
            metadata=metadata,
        )
    return digest_folder(folder)


def load_model(folder: Path, *, digest: str | None = None) -> "nn.Module":
    """Load a saved model on the CPU; with `digest`, check its files first.

    Raises
    ------
    ModelChanged
        The digest of the files differs.
    """
    if digest is not None and digest_folder(folder) != digest:
        raise ModelChanged(
            f"The files in {folder} are not those of model {digest[:16]}. "
            f"Fetch the model again, or train it again."
        )
    with _without_library_warnings():
        from mlflow import pytorch

        return pytorch.load_model(str(folder))


def digest_folder(folder: Path) -> str:
    """SHA-256 over the sorted relative paths and digests of all files of a folder."""
    lines = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as stream:
            file_digest = hashlib.file_digest(stream, "sha256").hexdigest()
        lines.append(f"{path.relative_to(folder).as_posix()} {file_digest}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@contextmanager
def _without_library_warnings() -> Iterator[None]:
    """torch and MLflow warn about their own formats, in words that mean nothing to a user."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(torch|mlflow|pydantic)\.")
        warnings.filterwarnings("ignore", category=FutureWarning)
        yield

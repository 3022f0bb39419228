"""Where a model trains, and how to make it train the same way twice."""

import os
import random
from typing import TYPE_CHECKING, Literal

import numpy as np

from medplatform.training.recipe import TrainingError

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cuda", "cpu"]


class DeviceUnavailable(TrainingError):
    """The GPU that was asked for is not there."""


def choose_device(name: DeviceName) -> "torch.device":
    """`auto` takes a GPU where there is one.

    Raises
    ------
    DeviceUnavailable
        `cuda` was asked for and torch sees no GPU.
    """
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda or "no CUDA"
        raise DeviceUnavailable(
            f"A GPU was asked for (device cuda), but torch {torch.__version__}, built with "
            f"{built}, sees none. Check nvidia-smi and the driver, install a CUDA build of torch, "
            f"or set MEDPLATFORM_DEVICE=auto to train on the CPU."
        )
    use_gpu = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if use_gpu else "cpu")


def make_deterministic(seed: int, device: "torch.device") -> None:
    """Seed every generator and ask for deterministic kernels.

    On a GPU some kernels have no deterministic form, so there it is a request only (warn). Its
    matrix products need a workspace of fixed size (cuBLAS, Results Reproducibility).
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")


def autocast(device: "torch.device") -> "torch.autocast":
    """bfloat16 on a GPU only: most CPUs emulate it, 33 times slower than float32."""
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")

"""Random numbers that are a function of seed, epoch and row: the same on every device.

A counter-based generator (SplitMix64, Steele, Lea and Flood 2014) has no state to save or to keep
in step: what a row gets does not depend on its batch, on the rows before it or on where it is
computed. So a run that resumes in the middle of an epoch goes on as if it had not stopped.
"""

import torch
from torch import Tensor

_GAMMA = -0x61C8864680B583EB  # 0x9E3779B97F4A7C15 as a signed number, as are those below
_FIRST = -0x40A7B892E31B1A47
_SECOND = -0x6B2FB644ECCEEE15


def uniforms(seed: int, epoch: int, rows: Tensor, count: int) -> Tensor:
    """(N, count) float32 in 0 … 1, on the device of `rows` (N) int64."""
    keys = _keys(seed, epoch, rows)
    streams = torch.arange(1, count + 1, device=rows.device)
    return _shift(_mix(keys[:, None] + streams * _GAMMA), 40).float() * 2**-24


def permutation(seed: int, epoch: int, count: int, device: torch.device) -> Tensor:
    """(count) int64: the numbers from 0 on in the order of an epoch."""
    keys = _keys(seed, epoch, torch.arange(count, device=device))
    return torch.argsort(keys, stable=True)


def _keys(seed: int, epoch: int, rows: Tensor) -> Tensor:
    keys = torch.zeros_like(rows)
    for part in (torch.full_like(rows, seed), torch.full_like(rows, epoch), rows):
        keys = _mix(keys + (part + 1) * _GAMMA)
    return keys


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift(x, 30)) * _FIRST
    x = (x ^ _shift(x, 27)) * _SECOND
    return x ^ _shift(x, 31)


def _shift(x: Tensor, bits: int) -> Tensor:
    """To the right, without the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)

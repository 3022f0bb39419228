"""Vary a whole batch of images and masks at once, on the device that they are on.

Geometry is one sampling per image: flip, rotation, shear, scale, shift and crop are multiplied into
one affine map from the pixels of the result to those of the image, so only the crop is computed
and nothing is interpolated twice. Masks take the nearest pixel through the same map. Positions are
those of pixel centres (`align_corners=False`); what lies outside of the image is 0.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from medplatform.training.images.random import uniforms

_ROTATION, _SCALE, _SHEAR, _GAMMA, _CONTRAST, _BRIGHTNESS, _NOISE, _OFFSET = range(8)
_SHIFTS, _CROPS, _FLIPS, _DRAWS = 8, 11, 14, 17
"""Which random number of an image decides what; three per axis at the end."""
_NOISE_BANK = 1 << 20
"""Normal numbers beyond those of one image: so many places there are to cut its noise from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How much images vary, each by its own random numbers; every strength is 0 for "not at all".

    Parameters
    ----------
    flips
        Axes that are flipped with probability one half, counted from the end: -1 is left-right.
    rotation_degrees
        In-plane, at most so much either way.
    scale, shear
        Relative: 0.1 is at most 10 % larger or smaller.
    shift
        Along each axis, at most this share of it.
    crop
        Size of the result, cut at a random place; None: the size of the image.
    gamma, contrast, brightness
        Of values in 0 … 1, that become x ** exp(±gamma) * (1 ± contrast) ± brightness at most.
    noise
        Largest standard deviation of Gaussian noise.
    """

    flips: tuple[int, ...] = ()
    rotation_degrees: float = 0
    scale: float = 0
    shear: float = 0
    shift: float = 0
    crop: tuple[int, ...] | None = None
    gamma: float = 0
    contrast: float = 0
    brightness: float = 0
    noise: float = 0

    @torch.no_grad()
    def __call__(
        self, images: Tensor, masks: Tensor | None, *, rows: Tensor, seed: int, epoch: int
    ) -> tuple[Tensor, Tensor | None]:
        """Vary a batch.

        Parameters
        ----------
        images
            (N, C, H, W) or (N, C, D, H, W), float, 0 … 1 where intensities vary.
        masks
            (N, M, H, W) or (N, M, D, H, W) of any type, or None.
        rows
            (N) int64 on the same device: names each image, in its random numbers too.
        """
        draws = uniforms(seed, epoch, rows, _DRAWS)
        if self._moves:
            size = self.crop or tuple(images.shape[2:])
            grid = self._grid(draws, images, size)
            images = _sample(images, grid, "bilinear")
            masks = None if masks is None else _sample(masks, grid, "nearest")
        return self._vary(images, draws, seed), masks

    @property
    def _moves(self) -> bool:
        strengths = (self.rotation_degrees, self.scale, self.shear, self.shift)
        return any(strengths) or bool(self.flips) or self.crop is not None

    def _grid(self, draws: Tensor, images: Tensor, size: tuple[int, ...]) -> Tensor:
        """Where in an image each pixel of the result is taken from, in the units of grid_sample."""
        signed = draws * 2 - 1
        axes = images.ndim - 2
        # Axes are x, y, z here, as in grid_sample: the reverse of those of the array.
        old = torch.tensor(images.shape[:1:-1], device=images.device, dtype=torch.float32)
        new = torch.tensor(size[::-1], device=images.device, dtype=torch.float32)
        matrix = self._matrix(signed, draws, axes)
        room = (old - new).clamp(min=0)
        start = torch.minimum(torch.floor(draws[:, _CROPS : _CROPS + axes] * (room + 1)), room)
        start = start - torch.floor((new - old).clamp(min=0) / 2)
        offset = start - (old - new) / 2 + signed[:, _SHIFTS : _SHIFTS + axes] * self.shift * old
        theta = torch.cat((matrix * new / old[:, None], (offset * 2 / old)[..., None]), dim=2)
        return functional.affine_grid(theta, [len(images), 1, *size], align_corners=False)

    def _matrix(self, signed: Tensor, draws: Tensor, axes: int) -> Tensor:
        """(N, axes, axes) in pixels, from the result to the image."""
        angle = signed[:, _ROTATION] * math.radians(self.rotation_degrees)
        factor = torch.exp(-signed[:, _SCALE] * math.log1p(self.scale))
        shear = signed[:, _SHEAR] * self.shear
        matrix = torch.eye(axes, device=signed.device).repeat(len(signed), 1, 1)
        sine, cosine = torch.sin(angle), torch.cos(angle)
        matrix[:, 0, 0], matrix[:, 0, 1] = cosine, cosine * shear - sine
        matrix[:, 1, 0], matrix[:, 1, 1] = sine, sine * shear + cosine
        flips = torch.ones(len(signed), axes, device=signed.device)
        for axis in self.flips:
            chosen = draws[:, _FLIPS - 1 - axis] < 0.5
            flips[:, -1 - axis] = torch.where(chosen, -1.0, 1.0)
        return matrix * factor[:, None, None] * flips[:, None, :]

    def _vary(self, images: Tensor, draws: Tensor, seed: int) -> Tensor:
        def strength(number: int, largest: float) -> Tensor:
            value = (draws[:, number] * 2 - 1) * largest
            return value.reshape(-1, *[1] * (images.ndim - 1))

        if self.gamma:
            images = images.clamp(min=1e-4) ** torch.exp(strength(_GAMMA, self.gamma))
        if self.contrast or self.brightness:
            images = images * (1 + strength(_CONTRAST, self.contrast))
            images = images + strength(_BRIGHTNESS, self.brightness)
        if self.noise:
            noise = _noise(images, draws[:, _OFFSET], seed)
            images = images + noise * strength(_NOISE, self.noise).abs()
        return images


def _sample(arrays: Tensor, grid: Tensor, mode: str) -> Tensor:
    values = arrays if arrays.is_floating_point() else arrays.float()
    sampled = functional.grid_sample(
        values, grid.to(values.dtype), mode=mode, padding_mode="zeros", align_corners=False
    )
    return sampled.to(arrays.dtype)


def _noise(images: Tensor, offsets: Tensor, seed: int) -> Tensor:
    """Normal numbers for each image, cut from one bank at its own place."""
    pixels = images[0].numel()
    starts = (offsets * _NOISE_BANK).long()
    bank = _noise_bank(seed, pixels + _NOISE_BANK, images.device)
    return bank.unfold(0, pixels, 1)[starts].reshape(images.shape)


@lru_cache(maxsize=2)
def _noise_bank(seed: int, count: int, device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, generator=generator).to(device)

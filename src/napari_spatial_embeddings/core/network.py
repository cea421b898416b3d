"""The branched encoder/decoder network, for images and volumes.

One shared encoder and two decoders, as in Neven et al. (2019): the *instance* branch gives offsets
and sigma, the *seed* branch one logit per class. Each step down is ERFNet's (Romera et al. 2018):
a strided convolution beside a max pooling. Plain residual blocks replace ERFNet's factorised ones,
which cost more time than they save on processors, and skip connections keep small objects sharp.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_spatial_embeddings.config import ModelSettings


def strides(spacing: tuple[float, ...], levels: int) -> list[tuple[int, ...]]:
    """Return by how much each level shrinks each axis (1 or 2).

    A coarse axis waits until the finer ones have caught up, so that deep levels are isotropic.

    >>> strides((2.2, 1.0, 1.0), 3)
    [(1, 2, 2), (2, 2, 2), (2, 2, 2)]
    """
    steps = []
    current = list(spacing)
    for _ in range(levels):
        finest = min(current)
        step = tuple(2 if s < 1.5 * finest else 1 for s in current)
        current = [s * f for s, f in zip(current, step, strict=True)]
        steps.append(step)
    return steps


def multiple(settings: ModelSettings) -> tuple[int, ...]:
    """Return the edge lengths that an input's shape must be a multiple of, per axis."""
    total = [1] * settings.ndim
    for step in strides(settings.spacing, settings.levels):
        total = [t * s for t, s in zip(total, step, strict=True)]
    return tuple(total)


def reach(settings: ModelSettings) -> tuple[int, ...]:
    """Return how far the network sees along each axis, in pixels, a multiple of `multiple`.

    What lies farther from an aligned part of an image has no influence on the part's maps.
    """
    total = multiple(settings)
    _, steps = BranchedNet.plan(settings)
    out = []
    for axis, grain in enumerate(total):
        shrinks = [step[axis] for step in steps]
        pads = [1 if step[axis] > 1 else 0 for step in steps]  # of the kernels, see `BranchedNet`
        low, high = 0, grain - 1  # what one aligned part needs, followed from the maps to the image
        for level, (step, pad) in enumerate(zip(shrinks, pads, strict=True)):
            low, high = low // step, high // step
            if level < len(steps) - 1:
                low, high = low - settings.convolutions * pad, high + settings.convolutions * pad
        low, high = low - 3 * pads[-1], high + 3 * pads[-1]
        for step, pad in zip(shrinks[::-1], pads[::-1], strict=True):
            low, high = low - settings.convolutions * pad, high + settings.convolutions * pad
            low, high = low * step - pad, high * step + max(pad, step - 1)
        out.append(math.ceil(max(-low, high - grain + 1) / grain) * grain)
    return tuple(out)


def decoded(
    settings: ModelSettings, shape: tuple[int, ...], window: tuple[slice, ...]
) -> list[tuple[slice, ...]]:
    """Return the part of each level that the decoders need for a part of an image's maps.

    Decoders see little around a pixel, so that most of a halo is for the encoder alone.

    Parameters
    ----------
    settings : ModelSettings
    shape : tuple of D ints
        Of the image; multiples of `multiple`.
    window : tuple of D slices

    Returns
    -------
    list of tuples of D slices
        In pixels of the levels, the finest first.
    """
    _, steps = BranchedNet.plan(settings)
    parts = []
    for level, step in enumerate(steps):
        # What one level refines, the next one brings; the deepest is not refined.
        around = settings.convolutions if level < len(steps) - 1 else 0
        shape = tuple(n // s for n, s in zip(shape, step, strict=True))
        window = tuple(
            slice(
                max(0, part.start // s - (around if s > 1 else 0)),
                min(n, -(-part.stop // s) + (around if s > 1 else 0)),
            )
            for part, s, n in zip(window, step, shape, strict=True)
        )
        parts.append(window)
    return parts


def rounded(shape: list[float], model: ModelSettings) -> tuple[int, ...]:
    """Return edges, in pixels, that the network can halve as often as it has to."""
    return tuple(
        max(1, math.ceil(n / step - 0.25)) * step
        for n, step in zip(shape, multiple(model), strict=True)
    )


def channels_last(x: Tensor) -> Tensor:
    """Lay (B, C, *S) out with the channels last, which convolutions are quickest with.

    Apple's mps does not take volumes so; there it stays as it is.
    """
    if x.device.type == "mps":
        return x
    layout = torch.channels_last if x.dim() == 4 else torch.channels_last_3d
    return x.contiguous(memory_format=layout)


def _conv(ndim: int) -> Callable[..., nn.Module]:
    return nn.Conv2d if ndim == 2 else nn.Conv3d


def _transposed(ndim: int) -> Callable[..., nn.Module]:
    return nn.ConvTranspose2d if ndim == 2 else nn.ConvTranspose3d


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel by itself.

    It knows neither the batch nor the rest of the image: a batch of one trains as well as a batch
    of many, and a tile gives exactly what the whole image gives.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x.movedim(1, -1), self.weight.shape, self.weight, self.bias)
        return y.movedim(-1, 1)


class Residual(nn.Module):
    """Convolutions around a shortcut; the last one may be dilated."""

    def __init__(
        self,
        ndim: int,
        channels: int,
        kernel: tuple[int, ...],
        convolutions: int,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        conv = _conv(ndim)
        self.count = convolutions
        for k in range(1, convolutions + 1):
            reach = dilation if k == convolutions else 1
            padding = tuple(n // 2 * reach for n in kernel)
            layer = conv(channels, channels, kernel, padding=padding, dilation=reach, bias=False)
            self.add_module(f"conv{k}", layer)
            self.add_module(f"norm{k}", ChannelNorm(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for k in range(1, self.count + 1):
            y = self.get_submodule(f"norm{k}")(self.get_submodule(f"conv{k}")(y))
            y = F.relu(y + x if k == self.count else y, inplace=True)
        return y


class Down(nn.Module):
    """ERFNet's step down: strided convolution and max pooling, side by side.

    The first one does not normalise: it would make dim and bright objects look alike. It may pool
    weighted sums of its channels, a given number of ``mixtures``, rather than the channels.
    """

    def __init__(
        self,
        before: int,
        after: int,
        step: tuple[int, ...],
        kernel: tuple[int, ...],
        *,
        first: bool = False,
        mixtures: int | None = None,
    ) -> None:
        super().__init__()
        self.step = step
        pooled = before if before < after else 0
        self.mix: nn.Module | None = None
        if mixtures is not None:
            pooled = mixtures
            self.mix = _conv(len(step))(before, mixtures, 1, bias=False) if mixtures else None
        padding = tuple(k // 2 for k in kernel)
        self.conv = _conv(len(step))(
            before, after - pooled, kernel, stride=step, padding=padding, bias=first
        )
        self.pooled = pooled
        self.norm = nn.Identity() if first else ChannelNorm(after)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        if self.pooled:
            pool = F.max_pool2d if len(self.step) == 2 else F.max_pool3d
            mixed = x if self.mix is None else self.mix(x)
            y = torch.cat([y, pool(mixed, self.step, self.step)], 1)
        return F.relu(self.norm(y), inplace=True)


class Decoder(nn.Module):
    """From the deepest features back to the image's resolution."""

    def __init__(
        self,
        widths: list[int],
        steps: list[tuple[int, ...]],
        kernels: list[tuple[int, ...]],
        convolutions: int,
        out: int,
    ) -> None:
        super().__init__()
        ndim = len(steps[0])
        self.steps = steps[:0:-1]
        self.project = nn.ModuleList(
            _conv(ndim)(deep, shallow, 1)
            for deep, shallow in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.refine = nn.ModuleList(
            Residual(ndim, c, k, convolutions)
            for c, k in zip(widths[-2::-1], kernels[-2::-1], strict=True)
        )
        self.out = _transposed(ndim)(widths[0], out, steps[0], steps[0])

    def forward(
        self, features: list[Tensor], parts: list[tuple[slice, ...]] | None = None
    ) -> Tensor:
        """Return raw maps; where `decoded` gives parts of the levels, those of the finest part."""
        x = features[-1] if parts is None else part_of(features[-1], parts[-1])
        for level in range(len(features) - 2, -1, -1):
            at = len(features) - 2 - level
            project, refine, step = self.project[at], self.refine[at], self.steps[at]
            scale = tuple(float(s) for s in step)
            up = F.interpolate(pointwise(project, x), scale_factor=scale, mode="nearest")
            skip = features[level]
            if parts is not None:
                up = part_of(up, enlarged(parts[level], parts[level + 1], step))
                skip = part_of(skip, parts[level])
            x = refine(up + skip)
        return cast(Tensor, self.out(x))


def pointwise(conv: nn.Module, x: Tensor) -> Tensor:
    """Return what a convolution whose kernel is a single pixel gives, as a product of matrices.

    With channels last, nothing is moved for that; torch's own convolution copies its input.
    """
    weight, bias = cast(Tensor, conv.weight), cast(Tensor, conv.bias)
    return F.linear(x.movedim(1, -1), weight.flatten(1), bias).movedim(-1, 1)


def part_of(x: Tensor, window: tuple[slice, ...]) -> Tensor:
    """Return a part of a tensor (..., *S)."""
    index: Any = (..., *window)
    return x[index]


def enlarged(
    window: tuple[slice, ...], deep: tuple[slice, ...], step: tuple[int, ...]
) -> tuple[slice, ...]:
    """Return where a window lies in the enlarged pixels of a part of the level below it."""
    return tuple(
        slice(part.start - first.start * s, part.stop - first.start * s)
        for part, first, s in zip(window, deep, step, strict=True)
    )


class BranchedNet(nn.Module):
    """Image (B, in_channels, *S) to raw maps (B, D + n_sigma + C, *S).

    ``S`` must be a multiple of `multiple`; `maps.split` gives the output its meaning.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        ndim = settings.ndim
        widths, steps = self.plan(settings)
        self.settings, self.steps = settings, steps
        # An axis that is not shrunk yet is still too coarse for a 3-wide kernel to mean the same.
        kernels = [tuple(3 if s > 1 else 1 for s in step) for step in steps]
        self.down, self.refine = nn.ModuleList(), nn.ModuleList()
        before = settings.in_channels
        for after, step, kernel in zip(widths, steps, kernels, strict=True):
            first = not self.down
            mixtures = settings.mixtures if first else None
            self.down.append(Down(before, after, step, kernel, first=first, mixtures=mixtures))
            self.refine.append(Residual(ndim, after, kernel, settings.convolutions))
            before = after
        # Where there are fewest pixels, more depth costs little.
        self.context = Residual(ndim, before, kernels[-1], 2, dilation=2)
        built = widths, steps, kernels, settings.convolutions
        self.instance = Decoder(*built, ndim + settings.sigma_components)
        self.seed = Decoder(*built, len(settings.classes))
        # Before training every pixel points at itself with a typical object's margin.
        for parameter in self.instance.out.parameters():
            nn.init.zeros_(parameter)

    @staticmethod
    def plan(settings: ModelSettings) -> tuple[list[int], list[tuple[int, ...]]]:
        """Return each level's number of channels, and by how much it shrinks each axis."""
        width = settings.width
        widths = [min(width * (level + 1), 4 * width) for level in range(settings.levels)]
        return widths, strides(settings.spacing, settings.levels)

    def forward(self, image: Tensor, window: tuple[slice, ...] | None = None) -> Tensor:
        """Return raw maps of the image, or of a window of it: what they are in those of all."""
        x = image
        features = []
        for down, refine in zip(self.down, self.refine, strict=True):
            x = refine(down(x))
            features.append(x)
        features[-1] = self.context(features[-1])
        if window is None:
            return torch.cat([self.instance(features), self.seed(features)], 1)
        parts = decoded(self.settings, tuple(image.shape[2:]), window)
        raw = torch.cat([self.instance(features, parts), self.seed(features, parts)], 1)
        return part_of(raw, enlarged(window, parts[0], self.steps[0]))

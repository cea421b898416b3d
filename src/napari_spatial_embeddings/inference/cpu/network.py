"""The network on a processor: the same maps in less time, as less of it is spent on memory.

Convolutions of 3 x 3 pixels, with what follows each, are those of `winograd`; others are torch's.
All between them, which takes torch as long again, are the loops of `kernels`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_spatial_embeddings.core.network import (
    BranchedNet,
    ChannelNorm,
    Decoder,
    Down,
    Residual,
    channels_last,
    decoded,
    enlarged,
    part_of,
)
from napari_spatial_embeddings.core.threads import ThreadTeam

from . import kernels, winograd
from .kernels import Floats
from .lanes import LANES

LEAST = 64
"""Rows, or `LEAST` squared pixels, below which a loop is not worth a second thread."""

Window = tuple[slice, ...]


class CpuNetwork:
    """A network's weights as they are now, and the threads of torch in the thread that calls.

    Parameters
    ----------
    network : BranchedNet
        On the processor.
    """

    def __init__(self, network: BranchedNet) -> None:
        self._network, self._settings = network, network.settings
        self._ndim = network.settings.ndim
        self._conv = F.conv2d if self._ndim == 2 else F.conv3d
        self._weights = {
            layer: channels_last(layer.weight.detach())
            for layer in network.modules()
            if isinstance(layer, nn.Conv2d | nn.Conv3d)
        }
        self._transformed = {
            layer: winograd.transformed(weight.numpy().reshape(*weight.shape[:2], -1, 3, 3))
            for layer, weight in self._weights.items()
            if _is_fast(layer)
        }

    @torch.inference_mode()
    def __call__(self, image: Tensor, window: Window) -> Tensor:
        """Return the raw maps of a window of an image, as `BranchedNet.forward` does.

        Parameters
        ----------
        image : (1, in_channels, *S), float32
            ``S`` a multiple of `network.multiple`.
        window : tuple of D slices

        Returns
        -------
        (1, D + n_sigma + C, *window), contiguous
        """
        threads = torch.get_num_threads()
        with ThreadPoolExecutor(threads) as pool:
            return self._maps(image, window, ThreadTeam(threads, pool))

    def _maps(self, image: Tensor, window: Window, team: ThreadTeam) -> Tensor:
        network, features = self._network, list[Floats]()
        x = self._array(channels_last(image))
        for down, refine in zip(network.down, network.refine, strict=True):
            x = self._down(x, cast(Down, down), team)
            x = self._residual(x, cast(Residual, refine), team)
            features.append(x)
        features[-1] = self._residual(x, network.context, team)
        parts = decoded(self._settings, tuple(image.shape[2:]), window)
        inside = enlarged(window, parts[0], network.steps[0])
        branches = network.instance, network.seed
        raw = [part_of(self._decode(features, branch, parts, team), inside) for branch in branches]
        return torch.cat(raw)[None]

    # -------------------------------------------------------------- layers

    def _array(self, x: Tensor) -> Floats:
        """Return features (1, C, *S), which have their channels last in memory, as (Z, Y, X, C)."""
        x = x[0].movedim(0, -1) if self._ndim == 3 else x.movedim(1, -1)
        return cast(Floats, x.contiguous().numpy())

    def _tensor(self, x: Floats) -> Tensor:
        """Undo `_array`."""
        tensor = torch.from_numpy(x)
        return tensor.movedim(-1, 1) if self._ndim == 2 else tensor.movedim(-1, 0)[None]

    def _convolved(self, x: Floats, layer: nn.Module) -> Floats:
        assert isinstance(layer, nn.Conv2d | nn.Conv3d)
        how: Any = layer.stride, layer.padding, layer.dilation
        return self._array(self._conv(self._tensor(x), self._weights[layer], layer.bias, *how))

    def _residual(self, x: Floats, block: Residual, team: ThreadTeam) -> Floats:
        y = x
        for k in range(1, block.count + 1):
            layer, other = block.get_submodule(f"conv{k}"), x if k == block.count else None
            norm = cast(ChannelNorm, block.get_submodule(f"norm{k}"))
            if layer in self._transformed:
                y = self._convolved_fast(y, self._transformed[layer], norm, team, other)
            else:
                y = self._convolved(y, layer)
                self._normalise(y, norm, team, other)
        return y

    def _convolved_fast(
        self, x: Floats, weights: Floats, norm: ChannelNorm, team: ThreadTeam, other: Floats | None
    ) -> Floats:
        """Return a convolution, normalised, others added, and cut below 0."""
        out = np.empty((*x.shape[:-1], weights.shape[-1]), np.float32)
        depth = weights.shape[1] // x.shape[-1]
        more = np.empty(0, np.float32) if other is None else other.reshape(-1)
        facts = norm.weight.detach().numpy(), norm.bias.detach().numpy(), more, out.reshape(-1)
        how: Any = x.reshape(-1), x.shape[:-1], weights.reshape(-1), depth, *facts
        rows = x.shape[0] * winograd.rows_of(x.shape[1])
        _by_rows(team, rows, LEAST // winograd.STEP, partial(winograd.convolve, *how))
        return out

    def _normalise(
        self, x: Floats, norm: ChannelNorm, team: ThreadTeam, other: Floats | None = None
    ) -> None:
        """Normalise features, add others, and cut below 0, in place."""
        weight, bias = norm.weight.detach().numpy(), norm.bias.detach().numpy()
        pixels = x.reshape(-1, x.shape[-1])
        parts = team.blocks(len(pixels), LEAST**2)
        if other is None:
            team.map(lambda part: kernels.normalise(pixels[part], weight, bias), parts)
            return
        more = other.reshape(pixels.shape)
        team.map(
            lambda part: kernels.normalise_and_add(pixels[part], weight, bias, more[part]), parts
        )

    def _down(self, x: Floats, down: Down, team: ThreadTeam) -> Floats:
        y, norm = self._convolved(x, down.conv), down.norm
        if not down.pooled and isinstance(norm, ChannelNorm):
            self._normalise(y, norm, team)
            return y
        weight = bias = np.empty(0, np.float32)
        if isinstance(norm, ChannelNorm):
            weight, bias = norm.weight.detach().numpy(), norm.bias.detach().numpy()
        out = np.empty((*y.shape[:-1], y.shape[-1] + down.pooled), np.float32)
        x = x if down.mix is None else self._convolved(x, down.mix)
        _by_rows(
            team,
            out.shape[0] * out.shape[1],
            LEAST,
            partial(kernels.join_pooled, y, x, weight, bias, out),
        )
        return out

    def _decode(
        self, features: list[Floats], decoder: Decoder, parts: list[Window], team: ThreadTeam
    ) -> Tensor:
        """Return the raw maps (n, *S) of the finest part, in the image's pixels."""
        x = np.ascontiguousarray(features[-1][self._volume(parts[-1])])
        for level in range(len(features) - 2, -1, -1):
            at = len(features) - 2 - level
            low = _projected(x, decoder.project[at])
            here, below = self._volume(parts[level]), self._volume(parts[level + 1])
            step = *(1,) * (3 - self._ndim), *decoder.steps[at]
            out = np.empty((*(p.stop - p.start for p in here), low.shape[-1]), np.float32)
            how: Any = low, _starts(below), step, features[level], _starts(here), out
            _by_rows(team, out.shape[0] * out.shape[1], LEAST, partial(kernels.add_enlarged, *how))
            x = self._residual(out, cast(Residual, decoder.refine[at]), team)
        return self._enlarged(x, decoder.out)

    def _enlarged(self, x: Floats, layer: nn.Module) -> Tensor:
        """Return the transposed convolution, whose kernels do not overlap, as (n, *S)."""
        assert isinstance(layer, nn.ConvTranspose2d | nn.ConvTranspose3d)
        assert layer.bias is not None
        weight, ndim = layer.weight.detach(), self._ndim  # (C, n, *kernel)
        count, kernel = weight.shape[1], weight.shape[2:]
        pixels = torch.from_numpy(x).flatten(0, -2)
        bias = layer.bias.detach().repeat_interleave(kernel.numel())[:, None]
        planes = torch.addmm(bias, weight.flatten(1).T, pixels.T)
        shape = x.shape[3 - ndim : 3]
        planes = planes.reshape(count, *kernel, *shape)
        order = [0, *(a for d in range(ndim) for a in (1 + ndim + d, 1 + d))]
        edges = [n * k for n, k in zip(shape, kernel, strict=True)]
        return planes.permute(order).reshape(count, *edges)

    def _volume(self, window: Window) -> Window:
        return window if self._ndim == 3 else (slice(0, 1), *window)


def _projected(x: Floats, layer: nn.Module) -> Floats:
    """Return a convolution with kernels of one pixel."""
    assert isinstance(layer, nn.Conv2d | nn.Conv3d)
    assert layer.bias is not None
    weight, pixels = layer.weight.detach().flatten(1), torch.from_numpy(x).flatten(0, -2)
    out: Floats = torch.addmm(layer.bias.detach(), pixels, weight.T).numpy()
    return out.reshape(*x.shape[:-1], -1)


def _starts(window: Window) -> tuple[int, ...]:
    return tuple(part.start for part in window)


def _is_fast(layer: nn.Module) -> bool:
    """Whether a convolution is one that `winograd` makes."""
    assert isinstance(layer, nn.Conv2d | nn.Conv3d)
    return (
        layer.kernel_size[-2:] == (3, 3)
        and set(layer.stride) == set(layer.dilation) == {1}
        and layer.in_channels % LANES == 0
        and layer.out_channels % winograd.PANEL == 0
    )


def _by_rows(team: ThreadTeam, rows: int, least: int, work: Callable[[int, int], None]) -> None:
    """Divide rows, counted through all slices, among threads."""
    parts = team.blocks(rows, least)
    team.map(work, [p.start for p in parts], [p.stop for p in parts])

"""Symmetries of images, over whose maps a prediction may be averaged."""

from __future__ import annotations

import torch

from napari_spatial_embeddings.config import ModelSettings


def symmetries(settings: ModelSettings) -> list[tuple[tuple[int, ...], int]]:
    """Return flips (axes) and quarter turns (of the last two axes) that an image may undergo.

    Quarter turns only where the last two axes have the same spacing.
    """
    turns = range(4) if settings.spacing[-1] == settings.spacing[-2] else (0,)
    leading: list[tuple[int, ...]] = [()] if settings.ndim == 2 else [(), (0,)]
    last = settings.ndim - 1
    mirrored = ((), (last,)) if len(turns) == 4 else ((), (last,), (last - 1,), (last - 1, last))
    return [(a + b, k) for a in leading for b in mirrored for k in turns]


def undo(
    part: torch.Tensor, kind: int, flipped: tuple[int, ...], turns: int, settings: ModelSettings
) -> torch.Tensor:
    """Invert a symmetry in a predicted map: its pixels, and the directions of its components.

    Parameters
    ----------
    part : (B, n, *S)
        Offsets (kind 0), sigma (1) or seed (2) of an image that was flipped, then turned.
    """
    y, x = settings.ndim - 2, settings.ndim - 1
    for _ in range(turns % 4):
        part = torch.rot90(part, -1, (-2, -1))
        if kind == 0:
            # A quarter turn takes (y, x) to (-x, y); this is its inverse.
            oy, ox = part[:, y].clone(), part[:, x].clone()
            part = part.clone()
            part[:, y], part[:, x] = ox, -oy
        elif kind == 1 and settings.sigma_components > 1:
            part = part.clone()
            part[:, [y, x]] = part[:, [x, y]]
    if flipped:
        part = part.flip([a + 2 for a in flipped])
        if kind == 0:
            sign = torch.ones(settings.ndim, device=part.device)
            sign[list(flipped)] = -1
            part = part * sign.reshape(1, -1, *[1] * (part.dim() - 2))
    return part

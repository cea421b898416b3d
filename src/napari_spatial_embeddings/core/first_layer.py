"""First layer of a network for another number of channels, whose maps stay the same."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_spatial_embeddings.config import ModelSettings

CONV, MIX = "down.0.conv.weight", "down.0.mix.weight"
"""Names of the weights that channels come in by, see `network.Down`."""


def pooled_channels(settings: ModelSettings) -> int:
    """Return the number of channels, or of sums of them, whose maxima the first level keeps."""
    own = settings.in_channels if settings.in_channels < settings.width else 0
    return own if settings.mixtures is None else settings.mixtures


def mixture(before: int, after: int) -> Tensor:
    """Return of which channels of a new image each channel of an old one is the mean.

    Channels correspond in turn: the new ones 0, 2, 4 to the old one 0 of two, the old ones 0, 2, 4
    to the new one 0 of two.

    Returns
    -------
    (before, after)
        Shares; each row sums to 1.

    >>> mixture(2, 3).tolist()
    [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]
    """
    turn = min(before, after)
    same = torch.arange(before)[:, None] % turn == torch.arange(after) % turn
    return same / same.sum(1, keepdim=True)


def carried_over(weights: dict[str, Tensor], pooled: int, channels: int) -> dict[str, Tensor]:
    """Return weights that give an image of other channels the maps of the old channels' `mixture`.

    Parameters
    ----------
    weights : dict
        State of a network; it is not changed.
    pooled : int
        From `pooled_channels`.
    channels : int
        Of the new images.
    """
    conv = weights[CONV]
    shares = mixture(conv.shape[1], channels).to(conv)
    out = {**weights, CONV: torch.einsum("oc...,cn->on...", conv, shares)}
    if pooled:
        mix = torch.einsum("oc...,cn->on...", weights[MIX], shares) if MIX in weights else shares
        out[MIX] = mix.reshape(*mix.shape[:2], *[1] * (conv.dim() - 2))
    return out

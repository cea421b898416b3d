"""Models of images turned into models of volumes: each kernel lies in the middle of a new one.

At first each slice is seen by itself; a training finds out what the slices beside it are good for.
It starts with what images show as well, such as edges, textures and objects that touch. Kernels
that are spread over the new axis instead learn half as fast, see ``docs/tried.md``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_spatial_embeddings.core.maps import SIGMA_GAIN

from .model import SpatialEmbeddings
from .model_card import ModelError

ARCHITECTURE = ("width", "levels", "convolutions", "sigma_per_axis", "mixtures")
"""Settings that both have in common, besides channels and classes."""


def lift(flat: SpatialEmbeddings, into: SpatialEmbeddings) -> None:
    """Give a new model for volumes the weights of a model for images.

    Parameters
    ----------
    flat : SpatialEmbeddings
        For images; it is not changed.
    into : SpatialEmbeddings
        For volumes, with the same `ARCHITECTURE`, channels and classes. It still counts as
        untrained.

    Raises
    ------
    ModelError
        If they do not fit.
    """
    own, settings = flat.settings, into.settings
    same = (*ARCHITECTURE, "in_channels", "classes")
    different = [name for name in same if getattr(own, name) != getattr(settings, name)]
    if own.ndim != 2 or settings.ndim != 3 or different:
        raise ModelError(
            f"the weights of a model for {own.ndim} axes cannot start one for {settings.ndim}:"
            " expected one for images (2) and one for volumes (3)"
            + (f" with the same {', '.join(different)}" if different else "")
        )
    sigma = own.sigma_components
    # Lengths stay the same in pixels, whatever the networks' units are.
    gain = torch.tensor([own.offset_range / settings.offset_range] * 2 + [1.0] * sigma)
    more = math.log(own.working_diameter / settings.working_diameter) / SIGMA_GAIN
    shift = torch.tensor([0.0] * 2 + [more] * sigma)
    before = flat.network.state_dict()
    weights = {}
    for name, wanted in into.network.state_dict().items():
        value = before[name].float().cpu()
        if name == "instance.out.weight":
            value = _along_three(value * gain.view(-1, 1, 1), 1, sigma)
        elif name == "instance.out.bias":
            value = _along_three(value * gain + shift, 0, sigma)
        if wanted.dim() == 5:
            value = _continued(value, wanted.shape[2], name.endswith("out.weight"))
        weights[name] = value
    into.network.load_state_dict(weights)


def _continued(kernel: Tensor, length: int, transposed: bool) -> Tensor:
    """Return a kernel (*, Y, X) as one (*, length, Y, X) that gives the same where all is alike."""
    if transposed:  # each of its values makes one pixel
        return kernel.unsqueeze(2).repeat(1, 1, length, 1, 1)
    out = kernel.new_zeros(*kernel.shape[:2], length, *kernel.shape[2:])
    out[:, :, length // 2] = kernel
    return out


def _along_three(values: Tensor, axis: int, sigma: int) -> Tensor:
    """Return offsets and sigma along three axes: no offset along the new one, and a mean sigma."""
    offsets, widths = values.split([2, sigma], axis)
    none, mean = torch.zeros_like(offsets), widths.mean(axis, keepdim=True)
    parts = [none.narrow(axis, 0, 1), offsets, *([mean] if sigma > 1 else []), widths]
    return torch.cat(parts, axis)

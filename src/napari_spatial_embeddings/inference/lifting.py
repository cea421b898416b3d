"""Models of images turned into models of volumes: each kernel continues along the first axis.

In a volume whose slices are all alike, the maps are those of one slice. So a training on volumes
starts with what images show as well, such as edges, textures and objects that touch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.maps import SIGMA_GAIN

from .model import SpatialEmbeddings
from .model_card import ModelError

SPREAD = True


def lifted(model: SpatialEmbeddings, settings: ModelSettings) -> SpatialEmbeddings:
    """Return a model for volumes with the weights of a model for images; it has not been trained.

    Parameters
    ----------
    model : SpatialEmbeddings
        For images.
    settings : ModelSettings
        Of the new one, with the width, levels, convolutions, channels and classes of ``model``, and
        one sigma per axis if that has so.

    Raises
    ------
    ModelError
        If they do not fit.
    """
    own = model.settings
    kept = ("width", "levels", "convolutions", "in_channels", "classes", "sigma_per_axis")
    different = [name for name in kept if getattr(own, name) != getattr(settings, name)]
    if own.ndim != 2 or settings.ndim != 3 or different:
        raise ModelError(
            f"a model for {own.ndim} axes cannot start one for {settings.ndim}: expected one for"
            " images (2) and one for volumes (3)"
            + (f" with the same {', '.join(different)}" if different else "")
        )
    out = SpatialEmbeddings(settings)
    before = model.network.state_dict()
    sigma = own.sigma_components
    # Lengths stay the same in pixels, whatever the networks' units are.
    gain = torch.tensor([own.offset_range / settings.offset_range] * 2 + [1.0] * sigma)
    more = math.log(own.working_diameter / settings.working_diameter) / SIGMA_GAIN
    shift = torch.tensor([0.0] * 2 + [more] * sigma)
    weights = {}
    for name, wanted in out.network.state_dict().items():
        value = before[name].float()
        if name == "instance.out.weight":
            value = _along_three(value * gain.view(-1, 1, 1), 1, sigma)
        elif name == "instance.out.bias":
            value = _along_three(value * gain + shift, 0, sigma)
        if wanted.dim() == 5:
            value = _continued(value, wanted.shape[2], name.endswith("out.weight"))
        weights[name] = value
    out.network.load_state_dict(weights)
    return out


def _continued(kernel: Tensor, length: int, transposed: bool) -> Tensor:
    """Return a kernel (*, Y, X) as one (*, length, Y, X) that gives the same where all is alike."""
    if transposed:  # each of its values makes one pixel
        return kernel.unsqueeze(2).repeat(1, 1, length, 1, 1)
    if SPREAD:
        return kernel.unsqueeze(2).repeat(1, 1, length, 1, 1) / length
    out = kernel.new_zeros(*kernel.shape[:2], length, *kernel.shape[2:])
    out[:, :, length // 2] = kernel
    return out


def _along_three(values: Tensor, axis: int, sigma: int) -> Tensor:
    """Return offsets and sigma along three axes: no offset along the new one, and a mean sigma."""
    offsets, widths = values.split([2, sigma], axis)
    none, mean = torch.zeros_like(offsets), widths.mean(axis, keepdim=True)
    parts = [none.narrow(axis, 0, 1), offsets, *([mean] if sigma > 1 else []), widths]
    return torch.cat(parts, axis)

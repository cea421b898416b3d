"""Tests of the papers' claims: each variant against the default, all else being equal.

``python -m benchmarks.claims DATA OUT [--steps 1000] [--seeds 0 1 2] [--only VARIANT ...]``
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from napari_spatial_embeddings.core import loss as losses
from napari_spatial_embeddings.core.hinge import by_tensors
from napari_spatial_embeddings.core.network import BranchedNet

from .variants import Budget, Variant, images, measure, parser


class FixedMargin(BranchedNet):
    """Every object's margin is a quarter of the typical diameter: about the smallest's radius."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.sigma = slice(settings.ndim, settings.ndim + settings.sigma_components)

    def forward(self, image: Tensor) -> Tensor:
        raw = super().forward(image)
        keep = torch.ones(raw.shape[1], device=raw.device)
        keep[self.sigma] = 0
        return raw * keep.view(1, -1, *[1] * (raw.dim() - 2))


def cross_entropy(error: Tensor, obj: Tensor, size: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy on phi, each object's pixels and all others weighing the same.

    As many others count as the object has pixels: of all pixels of the crop, most would say
    nothing. ``error`` is 2 - 2 phi of an object's own pixels, which come first, and 2 phi of the
    others.
    """
    own = torch.arange(len(error), device=error.device) < size.sum()
    right = 1 - error / 2
    entropy = -right.clamp(min=1e-6).log()
    others = torch.bincount(obj[~own], minlength=len(size)).clamp(min=1)
    share = torch.where(own, 0.5 / size[obj], 0.5 / torch.maximum(size, others)[obj])
    return (entropy * share * weight[obj]).sum()


def everywhere(phi: Tensor, obj: Tensor, n: int, smallest: float) -> Tensor:  # noqa: ARG001
    """Return the distance in sigma at which phi is 1e-4, the same for all objects."""
    return phi.new_full((n,), 4.3)


@contextmanager
def instead_of_hinges() -> Iterator[None]:
    """Let the cross-entropy stand in for the Lovasz hinge."""
    with (
        mock.patch.object(losses, "compiled_hinge", by_tensors.tensor_hinge),
        mock.patch.multiple(by_tensors, _lovasz_hinge=cross_entropy, _reach=everywhere),
    ):
        yield


VARIANTS = [
    Variant("as it is"),
    Variant("fixed margin", net=FixedMargin),
    Variant("one sigma for all axes", model={"sigma_per_axis": False}),
    Variant("centre: medoid", training={"loss": {"centre": "medoid"}}),
    Variant("centre: learnable", training={"loss": {"centre": "learnable"}}),
    Variant("cross-entropy on phi", patch=instead_of_hinges),
    Variant("one crop size", training={"large_crop_share": 0.0}),
]


def main() -> None:
    """Run, and write the table from all that was run."""
    options = parser(__doc__, ["dsb2018", "usiigaci"]).parse_args()
    find = partial(images, options.data)
    measure("claims", options, VARIANTS, find, Budget(steps=1000))


if __name__ == "__main__":
    main()

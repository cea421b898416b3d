"""The Lovasz hinge of all objects by compiled loops, for processors."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .kernels import hinge


def compiled_hinge(
    e: Tensor,
    centre: Tensor,
    sigma: Tensor,
    owner: Tensor,
    own: Tensor,
    crop: Tensor,
    weight: Tensor,
    crops: int,
    smallest: float,
) -> tuple[Tensor, Tensor]:
    """Return what `by_tensors.tensor_hinge` does, some times as fast.

    It runs in the calling thread alone, and leaves Python's lock to others.
    """
    inputs = e, centre, sigma, owner, own, crop, weight, crops, smallest
    value, phi = cast(tuple[Tensor, Tensor], _Hinge.apply(*inputs))  # type: ignore[no-untyped-call]
    return value, phi


class _Hinge(torch.autograd.Function):
    """The hinge, whose gradient is found on the way forward."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        e, centre, sigma, owner, own, crop, weight = map(_array, inputs[:7])
        found = hinge(e, centre, sigma, owner, own, crop, weight, *inputs[7:])
        value, phi = inputs[0].new_tensor(found[0]), torch.from_numpy(found[1])
        ctx.save_for_backward(*map(torch.from_numpy, found[2:]))
        ctx.mark_non_differentiable(phi)
        return value, phi

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *above: Any) -> tuple[Tensor | None, ...]:
        return (*(one * above[0] for one in ctx.saved_tensors), *[None] * 6)


def _array(tensor: Tensor) -> NDArray[Any]:
    return np.ascontiguousarray(tensor.detach().numpy())

"""Weights of a network as one vector, beside one of their gradients."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from itertools import accumulate

import torch
from torch import Tensor, nn

from .adamw import AdamW


class FlatWeights:
    """The weights of a network and their gradients, each in one piece of memory.

    What touches all weights, such as an optimizer or a running average, is one operation then, and
    not one for each of some sixty tensors. The network's parameters are views of the vectors, in
    the memory layout that they had.

    Parameters
    ----------
    network : Module
        From now on, its parameters and their gradients lie in these vectors.
    values : (N,), optional
        The weights of another network of the same architecture, which both have from now on.

    Attributes
    ----------
    network : Module
    values, gradient : (N,)
        First the weights of convolutions, then biases and scales.
    groups : tuple of two lists of Parameter
        The network's, in this order.
    """

    def __init__(self, network: nn.Module, values: Tensor | None = None) -> None:
        parameters = list(network.parameters())
        self.network = network
        self.groups = (
            [p for p in parameters if p.dim() > 1],
            [p for p in parameters if p.dim() <= 1],
        )
        ordered = [*self.groups[0], *self.groups[1]]
        first = ordered[0]
        given = values is not None
        total = sum(p.numel() for p in ordered)
        self.values = values if values is not None else first.data.new_empty(total)
        self.gradient = torch.zeros_like(self.values)
        views = _views(self.values, ordered), _views(self.gradient, ordered)
        for parameter, value, gradient in zip(ordered, *views, strict=True):
            if not given:
                value.copy_(parameter.data)
            parameter.data, parameter.grad = value, gradient

    def sharing(self) -> FlatWeights:
        """Return another network that has the same weights always, and gradients of its own."""
        return FlatWeights(copy.deepcopy(self.network), self.values)

    def optimizer(self, rate: float, weight_decay: float) -> AdamW:
        """Return an optimizer, with weight decay for neither biases nor scales."""
        cut = sum(p.numel() for p in self.groups[0])
        parts = []
        for part in (slice(cut), slice(cut, None)):
            parameter = nn.Parameter(self.values[part])
            parameter.grad = self.gradient[part]
            parts.append(parameter)
        return AdamW(parts, (weight_decay, 0.0), rate)

    def moments(self, group: int, vector: Tensor) -> list[Tensor]:
        """Return the parts of a vector of the optimizer, shaped as the weights of a group."""
        return _views(vector, self.groups[group])


def _views(vector: Tensor, like: list[nn.Parameter]) -> list[Tensor]:
    """Return consecutive parts of a vector, in the shapes and memory layouts of tensors."""
    starts: Iterable[int] = accumulate(
        (p.numel() for p in like), initial=int(vector.storage_offset())
    )
    return [
        vector.as_strided(p.shape, p.stride(), start)
        for p, start in zip(like, starts, strict=False)
    ]

"""AdamW on weights that lie in a few vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


class AdamW:
    """Steps of AdamW, with a weight decay for each vector.

    The arithmetic is torch's own, in one pass over each vector. Its class of the same name is not
    used: making one imports torch's compiler, which takes as long as ``import torch`` and, with
    the builds for CUDA, crashes a process that has a software OpenGL context.

    Parameters
    ----------
    vectors : list of Parameter (n,)
        The weights; each has its gradient in ``grad``, in memory that stays.
    decays : list of float
        Weight decay of each.
    rate : float
        Learning rate of the next step; to be changed at will.

    Attributes
    ----------
    means, squares : list of (n,)
        Running averages of the gradients of each vector, and of their squares.
    counts : list of ()
        Number of steps, as a float on the vector's device.

    References
    ----------
    I. Loshchilov, F. Hutter: *Decoupled Weight Decay Regularization*. ICLR 2019.
    """

    def __init__(
        self, vectors: Sequence[nn.Parameter], decays: Sequence[float], rate: float
    ) -> None:
        self.vectors, self.decays, self.rate = list(vectors), list(decays), rate
        self.means = [torch.zeros_like(v.data) for v in self.vectors]
        self.squares = [torch.zeros_like(v.data) for v in self.vectors]
        self.counts = [torch.zeros((), device=v.device) for v in self.vectors]

    @torch.no_grad()
    def step(self) -> None:
        """Change the weights by their gradients."""
        for k, vector in enumerate(self.vectors):
            gradient: Tensor | None = vector.grad
            assert gradient is not None
            adamw(
                [vector],
                [gradient],
                [self.means[k]],
                [self.squares[k]],
                [],
                [self.counts[k]],
                fused=True,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=self.rate,
                weight_decay=self.decays[k],
                eps=1e-8,
                maximize=False,
            )

"""Gradient of the loss of a batch, whose crops are divided among threads.

torch's own threads share each layer and wait for each other after it, and crops are small. With
crops of its own, a thread goes through the network, the loss and back without waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import wait
from contextlib import nullcontext
from dataclasses import fields
from typing import Any

import torch

from napari_spatial_embeddings.config import LossSettings, ModelSettings
from napari_spatial_embeddings.core.loss import Losses, spatial_embedding_loss
from napari_spatial_embeddings.core.maps import split
from napari_spatial_embeddings.core.network import channels_last
from napari_spatial_embeddings.inference.cpu.threads import TileThreads, threads_for

from .flat_weights import FlatWeights
from .sampler import Batch

MIXED_PRECISION = frozenset({"cuda"})
"""Types of devices that compute faster in bfloat16."""


class Gradients:
    """Gradients of a network's weights.

    Parameters
    ----------
    weights : FlatWeights
        Of the network; their ``gradient`` is what is computed.
    device : torch.device
        That the network is on.
    model, loss : settings
    mixed_precision : bool
        Whether the network computes in bfloat16, on devices that are faster then.
    """

    def __init__(
        self,
        weights: FlatWeights,
        device: torch.device,
        model: ModelSettings,
        loss: LossSettings,
        *,
        mixed_precision: bool,
    ) -> None:
        self._device, self._model, self._loss = device, model, loss
        self._mixed = mixed_precision and device.type in MIXED_PRECISION
        self._weights = [weights]
        self._threads: TileThreads | None = None

    def parts(self, crops: int) -> int:
        """Return into how many parts a batch of some crops is best divided.

        None has a single crop if it can be helped: for that, torch takes convolutions which are
        several times slower.
        """
        return max(1, min(crops // 2, threads_for(self._device)))

    def compute(self, parts: Sequence[Batch]) -> Losses:
        """Set the gradient to that of the loss of a batch, and return the loss.

        Parameters
        ----------
        parts : sequence of Batch
            Of one batch; each gets a thread.
        """
        if self._threads is None or self._threads.count != len(parts):
            self.close()
            self._threads = TileThreads(len(parts))
        while len(self._weights) < len(parts):
            self._weights.append(self._weights[0].sharing())
        used = self._weights[: len(parts)]
        jobs = [
            self._threads.submit(self._one, weights, part)
            for weights, part in zip(used, parts, strict=True)
        ]
        wait(jobs)  # all of them, also if one fails: none may change a gradient later
        losses = [job.result() for job in jobs]
        for weights in used[1:]:
            used[0].gradient += weights.gradient
        values = torch.stack([torch.stack(_values(one)) for one in losses]).sum(0)
        return Losses(*values)

    def _one(self, weights: FlatWeights, part: Batch) -> Losses:
        weights.gradient.zero_()
        image = channels_last(torch.from_numpy(part.image).to(self._device))
        with self._precision():
            raw = weights.network(image)
        maps = split(raw.float(), self._model)
        target = part.target.to(self._device)
        losses = spatial_embedding_loss(*maps, target, self._model, self._loss)
        losses.total.backward()
        return Losses(*(value.detach() for value in _values(losses)))

    def _precision(self) -> Any:
        """Return the context that the network's forward pass runs in."""
        return torch.autocast(self._device.type, torch.bfloat16) if self._mixed else nullcontext()

    def close(self) -> None:
        """Let go of the threads."""
        if self._threads is not None:
            self._threads.close()
            self._threads = None


def _values(losses: Losses) -> list[torch.Tensor]:
    return [getattr(losses, field.name) for field in fields(losses)]

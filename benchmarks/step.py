"""Shares of a training step's time: the network, the loss, the optimizer; and making its crops."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core.loss import spatial_embedding_loss
from napari_spatial_embeddings.core.maps import split
from napari_spatial_embeddings.core.network import channels_last
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.train import model_from_scratch
from napari_spatial_embeddings.training.trainer import Trainer

from .table import Row, milliseconds

WARM_UP_STEPS = 60
"""Steps before the clock starts: by then embeddings have gathered, as in most of a training."""


def sample(make: Callable[[int], samples.Sample], spacing: tuple[float, ...]) -> TrainingImage:
    """Return a completely annotated sample."""
    drawn = make(0)
    return annotate(drawn.image, drawn.labels, name=drawn.name, spacing=spacing)


def shares(trainer: Trainer, steps: int) -> dict[str, float]:
    """Return the median seconds of a step's parts, each made by itself, one after the other."""
    spent: dict[str, list[float]] = {k: [] for k in ("network", "loss", "optimizer", "crops")}
    settings, model = trainer.settings, trainer.best.settings
    parameters, weights = trainer.optimizer.vectors, trainer.weights
    for step in range(steps):
        clock = time.perf_counter()
        marks = [clock]

        def mark(marks: list[float] = marks) -> None:
            marks.append(time.perf_counter())

        batch = trainer.sampler.batch(step, trainer.batch_size, trainer.crop, 0.9)
        mark()
        raw = weights.network(channels_last(torch.from_numpy(batch.image)))
        mark()
        leaf = raw.detach().requires_grad_()
        parts = split(leaf.float(), model)
        losses = spatial_embedding_loss(*parts, batch.target, model, settings.loss)
        losses.total.backward()
        mark()
        raw.backward(leaf.grad)
        mark()
        torch.nn.utils.clip_grad_norm_(parameters, 10.0)
        trainer.optimizer.step()
        weights.gradient.zero_()
        trainer.update_average()
        mark()
        crops, forward, loss, backward, optimizer = np.diff(marks)
        spent["crops"].append(crops)
        spent["network"].append(forward + backward)
        spent["loss"].append(loss)
        spent["optimizer"].append(optimizer)
    return {name: float(np.median(values)) for name, values in spent.items()}


def measure(quick: bool = False) -> list[Row]:
    """Return one row per kind of image."""
    rows = []
    cases = {"2D": sample(samples.nuclei, (1.0, 1.0)), "3D": sample(samples.blobs, (2.0, 1.0, 1.0))}
    for name, image in cases.items():
        spacing = image.spacing
        model = model_from_scratch([image], spacing=spacing)
        trainer = prepare([image], TrainingSettings(device="cpu"), model, None)
        for _ in range(2 if quick else WARM_UP_STEPS):
            trainer.step(0.0)
        clock, steps = time.perf_counter(), 2 if quick else 40
        for _ in range(steps):
            trainer.step(0.0)
        whole = (time.perf_counter() - clock) / steps
        trainer.close()
        parts = shares(trainer, steps)
        alone = sum(parts.values())
        rows.append(
            {
                "images": name,
                "crops of a step": f"{trainer.batch_size} x {' x '.join(map(str, trainer.crop))}",
                **{k: f"{milliseconds(v)}, {v / alone:.0%}" for k, v in parts.items()},
                "one after the other": milliseconds(alone),
                "as trained, crops made ahead": milliseconds(whole),
            }
        )
    return rows

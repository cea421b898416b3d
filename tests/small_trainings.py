"""Trainings of a second or less: small images, a small network, few steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from builders import capsules, training_image
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.training.annotation import TrainingImage
from napari_spatial_embeddings.training.checkpoint import Checkpoint
from napari_spatial_embeddings.training.train import model_from_scratch, train

NEVER, ALWAYS = 1e9, 1e-9
"""Seconds between two validations or reports."""


@dataclass
class Clock:
    """A clock that stands still, but for a tick of some seconds each time that it is read."""

    tick: float = 0.0
    now: float = 0.0

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def discs(count: int = 2, first: int = 0, channels: int = 1, **how: Any) -> list[TrainingImage]:
    numbers = range(first, first + count)
    return [training_image(capsules((64, 64), k, **how), k, channels) for k in numbers]


def settings_for(steps: float, images: list[TrainingImage], **changes: Any) -> TrainingSettings:
    """Return settings that end after a number of steps."""
    batch = changes.get("batch_size", 4)
    objects = sum(image.n_objects for image in images)
    return TrainingSettings.model_validate(
        {
            "epochs": steps / max(1.0, objects / batch),
            "batch_size": batch,
            "crop_size": 32,
            "device": "cpu",
            "validation_seconds": NEVER,
            "report_seconds": NEVER,
            **changes,
        }
    )


def small_model(images: list[TrainingImage], **settings: Any) -> SpatialEmbeddings:
    return model_from_scratch(images, **{"width": 8, "levels": 2, **settings})


def trained(
    images: list[TrainingImage], steps: int = 10, model: SpatialEmbeddings | None = None, **how: Any
) -> SpatialEmbeddings:
    settings = settings_for(steps, images, **how)
    return list(train(images, settings, model or small_model(images)))[-1].model


@cache
def disc_model() -> SpatialEmbeddings:
    """Return a model that was trained on discs; shared by tests, which must not change it."""
    return trained(discs(), 40)


def checkpoint_of(
    images: list[TrainingImage],
    settings: TrainingSettings,
    model: SpatialEmbeddings,
    path: Path,
    *stops: float,
    baseline: bool = False,
) -> Checkpoint:
    """Return the checkpoint of a training that was stopped at some steps, and resumed each time."""
    for stop in [*stops, NEVER]:
        if path.exists():
            model = Checkpoint.read(path).model()
        course = train(images, settings, model, checkpoint=path, baseline=baseline)
        for report in course:
            if report.step >= stop:
                break
        course.close()  # type: ignore[attr-defined]
        assert report.done or report.step == stop
    assert report.done
    return Checkpoint.read(path)


def assert_same_checkpoint(one: Checkpoint, other: Checkpoint) -> None:
    """Assert that two checkpoints are the same but for their seconds."""
    assert _facts(one) == _facts(other)
    assert one.tensors.keys() == other.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[name]), name


def _facts(checkpoint: Checkpoint) -> dict[str, Any]:
    kept = {k: v for k, v in checkpoint.facts.items() if k != "seconds"}
    kept["crop"] = list(kept["crop"])
    kept["history"] = [{k: v for k, v in h.items() if k != "seconds"} for h in kept["history"]]
    return kept


def weights(model: SpatialEmbeddings) -> dict[str, torch.Tensor]:
    return dict(model.network.state_dict())


def same_weights(a: SpatialEmbeddings, b: SpatialEmbeddings) -> bool:
    return all(
        torch.equal(x, y) for x, y in zip(*(weights(m).values() for m in (a, b)), strict=True)
    )

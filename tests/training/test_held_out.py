"""What a training holds out: told before it starts, and what it does then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import capsules, training_image
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.held_out import (
    IMAGES_FROM,
    OBJECTS_FROM,
    HeldOut,
    held_out_of,
)
from napari_spatial_embeddings.training.preparation import prepare
from small_trainings import small_model

UNSEEN, SEEN = [{"held_out": True}], [{"held_out": True}, {"held_out": False}]


def images_of(images: int, objects: int, scribbled: bool) -> list[TrainingImage]:
    """Return images with some objects each, which are scribbles on the last image."""
    every = []
    for seed in range(images):
        labels = capsules((200, 200), seed, count=objects)
        assert labels.max() == objects
        every.append(annotate(training_image(labels).image, labels, unlabelled="ignore"))
    return [*every[:-1], replace(every[-1], scribbled=scribbled)]


@pytest.mark.parametrize(
    ("images", "objects", "scribbled", "share", "history", "expected"),
    [
        (1, OBJECTS_FROM, False, 0.1, UNSEEN, HeldOut.OBJECTS),
        (2, OBJECTS_FROM // 2, False, 0.1, UNSEEN, HeldOut.OBJECTS),
        (1, OBJECTS_FROM - 1, False, 0.1, UNSEEN, HeldOut.FEW),
        (1, OBJECTS_FROM, True, 0.1, UNSEEN, HeldOut.SCRIBBLES),
        (2, OBJECTS_FROM, True, 0.1, UNSEEN, HeldOut.SCRIBBLES),
        (1, OBJECTS_FROM, False, 0.1, SEEN, HeldOut.SEEN),
        (1, OBJECTS_FROM, False, 0.1, [], HeldOut.UNTRAINED),
        (1, OBJECTS_FROM, False, 0.0, UNSEEN, HeldOut.UNWANTED),
        (IMAGES_FROM, 1, False, 0.0, UNSEEN, HeldOut.UNWANTED),
        (IMAGES_FROM, 1, False, 0.1, [], HeldOut.IMAGES),
        (IMAGES_FROM, 1, True, 0.1, SEEN, HeldOut.IMAGES),
        (IMAGES_FROM - 1, 1, False, 0.1, [], HeldOut.UNTRAINED),
    ],
)
def test_a_training_holds_out_what_the_rule_tells(
    images: int,
    objects: int,
    scribbled: bool,
    share: float,
    history: list[dict[str, Any]],
    expected: HeldOut,
) -> None:
    annotated = images_of(images, objects, scribbled)
    total = sum(image.n_objects for image in annotated)
    assert held_out_of(images, total, scribbled, share, history) is expected
    model, settings = small_model(annotated), TrainingSettings(validation_share=share, device="cpu")
    model.history = list(history)
    # Scribbles are completed for the training; what is scored are the annotations.
    completed = [replace(image, scribbled=False) for image in annotated] if scribbled else None
    trainer = prepare(annotated, settings, model, None, completed)
    assert trainer.choice.held_out is expected.something
    trained = sum(image.n_objects for image in trainer.sampler.images)
    scored = sum(image.n_objects for image in trainer.validation)
    assert trained + (scored if expected.something else 0) == total

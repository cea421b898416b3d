"""Completion of scribbles to the objects that the start model sees, and training on these."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from builders import capsules, picture
from napari_spatial_embeddings import samples
from napari_spatial_embeddings.core.maps import IGNORE, EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.system.cancellation import Cancelled, run
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.checkpoint import Checkpoint, CheckpointError
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.pseudo_labels import complete_image, complete_scribbles
from napari_spatial_embeddings.training.train import train
from small_trainings import (
    ALWAYS,
    assert_same_checkpoint,
    checkpoint_of,
    disc_model,
    discs,
    same_weights,
    settings_for,
    small_model,
)

Labels = NDArray[np.int32]


def scribbled(
    labels: Labels, image: NDArray[np.generic] | None = None, **how: Any
) -> TrainingImage:
    """Return an image with scribbles: of each object the pixels along its middle row."""
    scribbles = np.zeros_like(labels)
    for k in np.unique(labels[labels > 0]):
        at = np.argwhere(labels == k)
        middle = at[at[:, 0] == int(np.median(at[:, 0]))]
        scribbles[tuple(middle.T)] = k
    pixels = picture(labels) if image is None else image
    return annotate(pixels.reshape(-1, *labels.shape), scribbles, scribbled=True, **how)


def certain_maps(labels: Labels, reach: float = 6.0) -> EmbeddingMaps:
    """Return a perfect network's maps, whose background pixels point far away from every object."""
    maps = ideal_maps(labels, sigma=reach)
    far = np.where(labels == 0, 1000.0, maps.offsets).astype(np.float32)
    return replace(maps, offsets=far)


@given(st.integers(0, 1000), st.sampled_from([(48, 64), (16, 24, 32)]))
def test_scribbles_become_the_objects_of_the_maps(seed: int, shape: tuple[int, ...]) -> None:
    labels = capsules(shape, seed)
    image = scribbled(labels)
    found = complete_image(image, certain_maps(labels))
    assert not found.scribbled
    scribbles = image.labels
    for k in range(1, image.n_objects + 1):
        own = np.unique(labels[scribbles == k])
        assert len(own) == 1
        assert ((found.labels == k) == (labels == own[0])).all()
    beyond = found.labels[labels == 0]
    assert set(np.unique(beyond)) <= {0, IGNORE}
    assert (beyond == 0).any()


def test_annotated_pixels_stay() -> None:
    labels = capsules((64, 64), 1)
    image = scribbled(labels)
    annotated = image.labels.copy()
    annotated[:8] = np.where(annotated[:8] == IGNORE, 0, annotated[:8])  # a stroke of background
    found = complete_image(replace(image, labels=annotated), certain_maps(labels)).labels
    assert (found[annotated != IGNORE] == annotated[annotated != IGNORE]).all()


def test_a_pixel_joins_the_nearer_scribble_and_unconnected_pieces_none() -> None:
    labels = np.zeros((20, 60), np.int32)
    labels[5:15, 10:50] = 1  # one object in the maps, two annotated ones
    scribbles = np.zeros_like(labels)
    scribbles[10, 12:18], scribbles[10, 42:48] = 1, 2
    labels[5:15, 55:58] = 1
    maps = certain_maps(labels)
    x = np.arange(60, dtype=np.float32)
    offsets = maps.offsets.copy()
    offsets[1] = np.where(labels > 0, np.where(x < 30, 15.0, 45.0) - x, 1000.0)
    image = annotate(labels[None], scribbles, scribbled=True)
    found = complete_image(image, replace(maps, offsets=offsets)).labels
    assert (found[5:15, 10:30] == 1).all()
    assert (found[5:15, 30:50] == 2).all()
    assert not (found[:, 52:] > 0).any()


def test_a_shipped_model_completes_scribbles_in_nuclei() -> None:
    sample = samples.nuclei(3)
    image = scribbled(sample.annotated, sample.image)
    (found,) = run(complete_scribbles(find_model("nuclei-2d"), [image], None, "cpu"))
    ious = []
    for k in range(1, image.n_objects + 1):
        truth = sample.labels == sample.labels[image.labels == k][0]
        own = found.labels == k
        ious.append((own & truth).sum() / (own | truth).sum())
    assert np.mean(ious) > 0.75
    assert (found.labels[sample.labels > 0] == 0).mean() < 0.05


def test_whole_objects_stay_as_they_are() -> None:
    images = [*discs(), scribbled(capsules((64, 64), 7))]
    found = run(complete_scribbles(disc_model(), images, None, "cpu"))
    assert found[0] is images[0]
    assert found[1] is images[1]
    assert found[2] is not images[2]


@pytest.mark.parametrize(
    ("trained_start", "pseudo_labels"), [(True, True), (True, False), (False, True)]
)
def test_only_a_trained_start_model_completes(trained_start: bool, pseudo_labels: bool) -> None:
    images = [scribbled(capsules((64, 64), k)) for k in range(2)]
    start = disc_model() if trained_start else small_model(discs())
    settings = settings_for(2, images, pseudo_labels=pseudo_labels)
    *_, last = train(images, settings, start)
    assert last.step == 2
    assert all(entry["held_out"] for entry in last.model.history)
    known = np.concatenate([image.labels.ravel() for image in images])
    assert (known == IGNORE).any()  # the images themselves were left alone
    messages = [r.message for r in train(images, settings, start) if r.message]
    assert [("scribbles were completed" in text) for text in messages] == [True] * (
        trained_start and pseudo_labels
    )
    plain = list(train(images, settings.updated(pseudo_labels=False), start))[-1].model
    assert same_weights(last.model, plain) == (not (trained_start and pseudo_labels))


def test_scores_are_of_annotations_alone() -> None:
    images = [scribbled(capsules((64, 64), k)) for k in range(10)]
    start = disc_model()
    more = run(complete_scribbles(start, images, None, "cpu"))
    for some in (images, images[:3]):
        trainer = prepare(some, settings_for(1, some), start, None, completed=more[: len(some)])
        assert all(image.scribbled for image in trainer.validation)
        assert not any(image.scribbled for image in trainer.sampler.images)
        assert trainer.choice.held_out


def test_a_resumed_training_uses_the_same_objects(tmp_path: Path) -> None:
    images = [scribbled(capsules((64, 64), k)) for k in range(2)]
    start = disc_model()
    settings = settings_for(6, images, report_seconds=ALWAYS, validation_seconds=ALWAYS)
    parts = tmp_path / "parts"
    one = checkpoint_of(images, settings, start, tmp_path / "whole")
    assert_same_checkpoint(one, checkpoint_of(images, settings, start, parts, 3))
    assert any(name.startswith("completed") for name in one.tensors)
    one.tensors["completed/0"][:2] = 0
    with pytest.raises(CheckpointError, match="damaged"):
        one.completed_images(images)
    larger = [scribbled(capsules((80, 80), k)) for k in range(2)]
    with pytest.raises(CheckpointError, match="other annotations"):
        list(train(larger, settings, Checkpoint.read(parts).model(), checkpoint=parts))


def test_completion_can_be_cancelled() -> None:
    images = [scribbled(capsules((64, 64), 1))]
    with pytest.raises(Cancelled):
        run(complete_scribbles(disc_model(), images, None, "cpu"), lambda: True)
    reports = list(train(images, settings_for(2, images), disc_model(), cancelled=lambda: True))
    assert [r.step for r in reports] == [0]

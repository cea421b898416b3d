"""Strokes become the objects that a model sees around them, and are learned from as such."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from brief_training import (
    ALWAYS,
    assert_same_checkpoint,
    checkpoint_of,
    discs,
    same_weights,
    settings_for,
    small_model,
    trained,
)
from builders import capsules, picture
from napari_spatial_embeddings import samples
from napari_spatial_embeddings.core.maps import IGNORE, EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.system.cancellation import Cancelled, run
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.checkpoint import Checkpoint, CheckpointError
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.pseudo_labels import completed, completing
from napari_spatial_embeddings.training.train import train

Labels = NDArray[np.int32]


def stroked(labels: Labels, image: NDArray[np.generic] | None = None, **how: Any) -> TrainingImage:
    """Return strokes: of each object the pixels along its middle row."""
    strokes = np.zeros_like(labels)
    for k in np.unique(labels[labels > 0]):
        at = np.argwhere(labels == k)
        middle = at[at[:, 0] == int(np.median(at[:, 0]))]
        strokes[tuple(middle.T)] = k
    pixels = picture(labels) if image is None else image
    return annotate(pixels.reshape(-1, *labels.shape), strokes, scribbled=True, **how)


def seen(labels: Labels, reach: float = 6.0) -> EmbeddingMaps:
    """Return maps of a perfect network that is sure of every pixel, the background's included."""
    maps = ideal_maps(labels, sigma=reach)
    # Background points far away from every object.
    far = np.where(labels == 0, 1000.0, maps.offsets).astype(np.float32)
    return replace(maps, offsets=far)


@given(st.integers(0, 1000), st.sampled_from([(48, 64), (16, 24, 32)]))
def test_strokes_become_the_objects_that_the_maps_show(seed: int, shape: tuple[int, ...]) -> None:
    labels = capsules(shape, seed)
    image = stroked(labels)
    found = completed(image, seen(labels))
    assert not found.scribbled
    strokes = image.labels
    for k in range(1, image.n_objects + 1):
        own = np.unique(labels[strokes == k])
        assert len(own) == 1
        assert ((found.labels == k) == (labels == own[0])).all()
    beyond = found.labels[labels == 0]
    assert set(np.unique(beyond)) <= {0, IGNORE}
    assert (beyond == 0).any()


def test_what_was_drawn_stays() -> None:
    labels = capsules((64, 64), 1)
    image = stroked(labels)
    drawn = image.labels.copy()
    drawn[:8] = np.where(drawn[:8] == IGNORE, 0, drawn[:8])  # a stroke of background
    found = completed(replace(image, labels=drawn), seen(labels)).labels
    assert (found[drawn != IGNORE] == drawn[drawn != IGNORE]).all()


def test_a_pixel_goes_to_the_nearer_of_two_strokes_and_pieces_apart_to_none() -> None:
    labels = np.zeros((20, 60), np.int32)
    labels[5:15, 10:50] = 1  # one object to the maps, two to the person
    strokes = np.zeros_like(labels)
    strokes[10, 12:18], strokes[10, 42:48] = 1, 2
    labels[5:15, 55:58] = 1
    maps = seen(labels)
    x = np.arange(60, dtype=np.float32)
    offsets = maps.offsets.copy()
    offsets[1] = np.where(labels > 0, np.where(x < 30, 15.0, 45.0) - x, 1000.0)
    image = annotate(labels[None], strokes, scribbled=True)
    found = completed(image, replace(maps, offsets=offsets)).labels
    assert (found[5:15, 10:30] == 1).all()
    assert (found[5:15, 30:50] == 2).all()
    assert not (found[:, 52:] > 0).any()


def test_a_model_completes_strokes_in_nuclei_that_it_knows() -> None:
    sample = samples.nuclei(3)
    image = stroked(sample.annotated, sample.image)
    (found,) = run(completing(find_model("nuclei-2d"), [image], None, "cpu"))
    ious = []
    for k in range(1, image.n_objects + 1):
        truth = sample.labels == sample.labels[image.labels == k][0]
        own = found.labels == k
        ious.append((own & truth).sum() / (own | truth).sum())
    assert np.mean(ious) > 0.75
    assert (found.labels[sample.labels > 0] == 0).mean() < 0.05


def test_whole_objects_stay_as_they_are() -> None:
    images = [*discs(), stroked(capsules((64, 64), 7))]
    found = run(completing(trained(discs()), images, None, "cpu"))
    assert found[0] is images[0]
    assert found[1] is images[1]
    assert found[2] is not images[2]


@pytest.mark.parametrize(("learned", "presume"), [(True, True), (True, False), (False, True)])
def test_only_a_model_that_has_learned_completes(learned: bool, presume: bool) -> None:
    images = [stroked(capsules((64, 64), k)) for k in range(2)]
    start = trained(discs(), 40) if learned else small_model(discs())
    settings = settings_for(2, images, pseudo_labels=presume)
    *_, last = train(images, settings, start)
    assert last.step == 2
    assert not any(entry["held_out"] for entry in last.model.history)
    known = np.concatenate([image.labels.ravel() for image in images])
    assert (known == IGNORE).any()  # the images themselves were left alone
    told = [r.message for r in train(images, settings, start) if r.message]
    assert [("strokes were completed" in text) for text in told] == [True] * (learned and presume)
    plain = list(train(images, settings.updated(pseudo_labels=False), start))[-1].model
    assert same_weights(last.model, plain) == (not (learned and presume))


def test_nothing_is_scored_by_what_no_person_drew() -> None:
    images = [stroked(capsules((64, 64), k)) for k in range(10)]
    start = trained(discs(), 40)
    more = run(completing(start, images, None, "cpu"))
    for some in (images, images[:3]):
        trainer = prepare(some, settings_for(1, some), start, None, completed=more[: len(some)])
        assert all(image.scribbled for image in trainer.validation)
        assert not any(image.scribbled for image in trainer.sampler.images)
        assert trainer.held_out == (len(some) > 3)


def test_resuming_learns_from_the_same_objects(tmp_path: Path) -> None:
    images = [stroked(capsules((64, 64), k)) for k in range(2)]
    start = trained(discs(), 40)
    settings = settings_for(6, images, report_seconds=ALWAYS, validation_seconds=ALWAYS)
    parts = tmp_path / "parts"
    one = checkpoint_of(images, settings, start, tmp_path / "whole")
    assert_same_checkpoint(one, checkpoint_of(images, settings, start, parts, 3))
    assert any(name.startswith("completed") for name in one.tensors)
    one.tensors["completed/0"][:2] = 0
    with pytest.raises(CheckpointError, match="damaged"):
        one.completed(images)
    larger = [stroked(capsules((80, 80), k)) for k in range(2)]
    with pytest.raises(CheckpointError, match="other annotations"):
        list(train(larger, settings, Checkpoint.read(parts).model(), checkpoint=parts))


def test_it_can_be_stopped() -> None:
    images = [stroked(capsules((64, 64), 1))]
    with pytest.raises(Cancelled):
        run(completing(trained(discs()), images, None, "cpu"), lambda: True)
    reports = list(train(images, settings_for(2, images), trained(discs()), stop=lambda: True))
    assert [r.step for r in reports] == [0]

"""Pseudo-background: unknown pixels that the start model confidently predicts as background."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.system.cancellation import Cancelled, run
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.checkpoint import Checkpoint, CheckpointError
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.pseudo_labels import find_pseudo_background, with_background
from napari_spatial_embeddings.training.train import train
from small_trainings import (
    ALWAYS,
    assert_same_checkpoint,
    checkpoint_of,
    disc_model,
    discs,
    settings_for,
    small_model,
)

AROUND = (400, 400)


def partly_annotated(*, magnified: int = 1) -> list[TrainingImage]:
    """Return images with some annotated objects; the rest is unknown."""
    out = []
    for image in discs():
        few = np.where(image.labels > 3, 0, image.labels)
        grown = [np.kron(a, np.ones((magnified,) * 2, a.dtype)) for a in (image.image[0], few)]
        out.append(annotate(grown[0][None], grown[1], unlabelled="ignore"))
    return out


@pytest.mark.parametrize("scribbles", [False, True])
def test_most_of_the_background_is_recognised_and_hardly_an_object(scribbles: bool) -> None:
    model, sample = find_model("nuclei-2d"), samples.nuclei(3)
    image = normalise(sample.image, normalisation(sample.image, model.settings))
    annotated = sample.annotated
    if scribbles:  # a horizontal line through each object
        rows = [
            np.median(np.nonzero(annotated == k)[0]) for k in np.unique(annotated[annotated > 0])
        ]
        annotated = np.where(np.isin(np.indices(annotated.shape)[0], rows), annotated, 0)
    known = annotate(image, annotated, unlabelled="ignore", scribbled=scribbles)
    found = run(find_pseudo_background(model, [known], AROUND, "cpu"))[0]
    assert found[sample.labels == 0].mean() > 0.5
    assert found[sample.labels > 0].mean() < (0.06 if scribbles else 0.03)
    assert (known.labels[found] == IGNORE).all()
    after = with_background(known, found)
    assert (after.labels[found] == 0).all()
    assert (after.labels[~found] == known.labels[~found]).all()


def test_complete_and_empty_images_are_left_alone() -> None:
    model, image = disc_model(), discs()[0]
    empty = annotate(image.image, np.where(image.labels == 1, -1, 0))
    for found in run(find_pseudo_background(model, [image, empty], AROUND, "cpu")):
        assert not found.any()


def test_only_what_training_looks_at_is_predicted() -> None:
    model, image = disc_model(), discs()[0]
    known = np.full((200, 64), IGNORE, np.int32)
    known[:64] = image.labels
    tall = np.concatenate([image.image[0], np.zeros((136, 64), np.float32)])
    found = run(find_pseudo_background(model, [annotate(tall[None], known)], (16, 16), "cpu"))[0]
    assert found[64:80].any()
    assert not found[80:].any()


def test_it_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        run(
            find_pseudo_background(disc_model(), partly_annotated(), AROUND, "cpu"),
            lambda: True,
        )


@pytest.mark.parametrize(
    ("trained_start", "pseudo_labels"), [(True, True), (True, False), (False, True)]
)
def test_only_a_trained_start_model_finds_any(trained_start: bool, pseudo_labels: bool) -> None:
    images = partly_annotated()
    model = disc_model() if trained_start else small_model(discs())
    settings = settings_for(2, images, pseudo_labels=pseudo_labels)
    trainer = prepare(images, settings, model, None)
    before = [image.labels for image in trainer.sampler.images]
    run(trainer.find_pseudo_background())
    after = [image.labels for image in trainer.sampler.images]
    more = any((a != b).any() for a, b in zip(after, before, strict=True))
    assert more == (trained_start and pseudo_labels)


@pytest.mark.parametrize("magnified", [1, 3])
def test_a_resumed_training_has_the_same(magnified: int, tmp_path: Path) -> None:
    images, start = partly_annotated(magnified=magnified), disc_model()
    settings = settings_for(6, images, report_seconds=ALWAYS, validation_seconds=ALWAYS)
    parts = tmp_path / "parts"
    one = checkpoint_of(images, settings, start, tmp_path / "whole")
    assert_same_checkpoint(one, checkpoint_of(images, settings, start, parts, 3))
    assert any(name.startswith("presumed") for name in one.tensors)
    with pytest.raises(CheckpointError, match="other annotations"):
        list(train(images[:1], settings, Checkpoint.read(parts).model(), checkpoint=parts))

"""What is presumed to be background: unknown pixels that a model is sure of, and few objects'."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brief_training import (
    ALWAYS,
    assert_same_checkpoint,
    checkpoint_of,
    discs,
    settings_for,
    small_model,
    trained,
)
from napari_spatial_embeddings import samples
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.system.cancellation import Cancelled, run
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.checkpoint import Checkpoint, CheckpointError
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.pseudo_labels import presuming, with_background
from napari_spatial_embeddings.training.train import train

AROUND = (400, 400)


def partly(*, magnified: int = 1) -> list[TrainingImage]:
    """Return images of which some objects are drawn, and the rest is unknown."""
    out = []
    for image in discs():
        few = np.where(image.labels > 3, 0, image.labels)
        grown = [np.kron(a, np.ones((magnified,) * 2, a.dtype)) for a in (image.image[0], few)]
        out.append(annotate(grown[0][None], grown[1], unlabelled="ignore"))
    return out


@pytest.mark.parametrize("strokes", [False, True])
def test_most_of_the_background_is_recognised_and_hardly_an_object(strokes: bool) -> None:
    model, sample = find_model("nuclei-2d"), samples.nuclei(3)
    image = normalise(sample.image, normalisation(sample.image, model.settings))
    drawn = sample.annotated
    if strokes:  # a horizontal line through each object
        rows = [np.median(np.nonzero(drawn == k)[0]) for k in np.unique(drawn[drawn > 0])]
        drawn = np.where(np.isin(np.indices(drawn.shape)[0], rows), drawn, 0)
    known = annotate(image, drawn, unlabelled="ignore", scribbled=strokes)
    found = run(presuming(model, [known], AROUND, "cpu"))[0]
    assert found[sample.labels == 0].mean() > 0.5
    assert found[sample.labels > 0].mean() < (0.06 if strokes else 0.03)
    assert (known.labels[found] == IGNORE).all()
    after = with_background(known, found)
    assert (after.labels[found] == 0).all()
    assert (after.labels[~found] == known.labels[~found]).all()


def test_complete_and_empty_images_are_left_alone() -> None:
    model, image = trained(discs()), discs()[0]
    empty = annotate(image.image, np.where(image.labels == 1, -1, 0))
    for found in run(presuming(model, [image, empty], AROUND, "cpu")):
        assert not found.any()


def test_only_what_training_looks_at_is_predicted() -> None:
    model, image = trained(discs()), discs()[0]
    known = np.full((200, 64), IGNORE, np.int32)
    known[:64] = image.labels
    tall = np.concatenate([image.image[0], np.zeros((136, 64), np.float32)])
    found = run(presuming(model, [annotate(tall[None], known)], (16, 16), "cpu"))[0]
    assert found[64:80].any()
    assert not found[80:].any()


def test_it_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        run(presuming(trained(discs()), partly(), AROUND, "cpu"), lambda: True)


@pytest.mark.parametrize(("learned", "presume"), [(True, True), (True, False), (False, True)])
def test_only_a_model_that_has_learned_presumes(learned: bool, presume: bool) -> None:
    images = partly()
    model = trained(discs(), 40) if learned else small_model(discs())
    settings = settings_for(2, images, pseudo_labels=presume)
    trainer = prepare(images, settings, model, None)
    before = [image.labels for image in trainer.sampler.images]
    run(trainer.presuming())
    after = [image.labels for image in trainer.sampler.images]
    more = any((a != b).any() for a, b in zip(after, before, strict=True))
    assert more == (learned and presume)


@pytest.mark.parametrize("magnified", [1, 3])
def test_resuming_presumes_the_same(magnified: int, tmp_path: Path) -> None:
    images, start = partly(magnified=magnified), trained(discs(), 40)
    settings = settings_for(6, images, report_seconds=ALWAYS, validation_seconds=ALWAYS)
    parts = tmp_path / "parts"
    one = checkpoint_of(images, settings, start, tmp_path / "whole")
    assert_same_checkpoint(one, checkpoint_of(images, settings, start, parts, 3))
    assert any(name.startswith("presumed") for name in one.tensors)
    with pytest.raises(CheckpointError, match="other annotations"):
        list(train(images[:1], settings, Checkpoint.read(parts).model(), checkpoint=parts))

"""Held-out objects: which, and that nothing of them is trained on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from builders import capsules, network, training_image
from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.system.cancellation import run
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.choice import Verdict
from napari_spatial_embeddings.training.held_out_objects import MOST, hold_out_objects
from napari_spatial_embeddings.training.preparation import prepare
from small_trainings import settings_for


def partly(shape: tuple[int, ...], count: int, seed: int = 0) -> TrainingImage:
    labels = capsules(shape, seed, count=count)
    image = training_image(labels).image
    return annotate(image, labels, unlabelled="ignore")


@pytest.mark.parametrize("shape", [(160, 160), (24, 60, 60)])
def test_each_object_is_trained_on_or_held_out(shape: tuple[int, ...]) -> None:
    image = partly(shape, 12)
    split = hold_out_objects([image])
    (training,), (validation,) = split
    held = (validation.labels > 0) & (image.labels > 0)
    kept = training.labels > 0
    assert (held ^ kept)[image.labels > 0].all()
    n = image.n_objects
    assert (training.n_objects, validation.n_objects) == (n - round(0.3 * n), round(0.3 * n))
    for part in (training, validation):
        assert np.unique(part.labels[part.labels > 0]).tolist() == list(
            range(1, part.n_objects + 1)
        )
        assert part.ring is not None
        assert (part.labels[part.ring] == 0).all()
    # The ring goes with its object: none of it is known to both.
    assert not ((training.labels == 0) & (validation.labels == 0)).any()
    assert (training.labels[held] == IGNORE).all()
    assert (validation.labels[kept] == IGNORE).all()


@pytest.mark.parametrize("shape", [(160, 160), (24, 60, 60)])
def test_what_a_model_proposed_is_trained_on_and_not_scored_by(shape: tuple[int, ...]) -> None:
    labels = 10 * capsules(shape, count=12)
    drawn = np.unique(labels[labels > 0])[::2].tolist()
    others = set(np.unique(labels).tolist()) - {0, *drawn}
    image = annotate(
        training_image(labels).image, labels, unlabelled="ignore", proposed=others | {7}
    )
    assert image.n_drawn == len(drawn)
    (training,), (validation,) = hold_out_objects([image])
    assert set(np.unique(labels[validation.labels > 0]).tolist()) <= set(drawn)
    assert validation.n_objects == validation.n_drawn == round(0.3 * len(drawn))
    assert training.proposed is not None
    assert training.n_drawn == len(drawn) - validation.n_objects
    assert not training.proposed[0]
    marked = np.isin(training.labels, np.flatnonzero(training.proposed))
    assert np.array_equal(marked, np.isin(labels, list(others)))


def test_what_is_known_to_be_background_is_known_to_both() -> None:
    labels = capsules((160, 160), count=12)
    image = training_image(labels)
    split = hold_out_objects([image])
    for part in split[0] + split[1]:
        assert (part.labels[labels == 0] == 0).all()


def test_a_later_training_holds_out_what_the_earlier_one_did() -> None:
    labels = capsules((300, 300), count=60, seed=4)
    image = training_image(labels).image
    assert labels.max() > 40
    held: list[set[int]] = []
    for last in (10, 14, 20, 40):
        drawn = np.where(labels <= last, labels, 0)
        split = hold_out_objects([annotate(image, drawn, unlabelled="ignore")])
        (validation,) = split[1]
        held.append(set(np.unique(labels[validation.labels > 0]).tolist()))
    for before, after in itertools.pairwise(held):
        assert len(before & after) >= len(before) / 2


def test_a_few_objects_choose_among_the_models_of_a_start_that_has_not_seen_them() -> None:
    """However well a model fits what it is trained on: only held-out objects speak here."""
    sample, start = samples.nuclei(3, 160), find_model("nuclei-2d")
    images = [annotate(sample.image, sample.annotated, unlabelled="ignore")]
    settings = settings_for(1, images)
    trainer = prepare(images, settings, start, None)
    assert trainer.choice.held_out
    held = sum(image.n_objects for image in trainer.validation)
    assert held == round(0.3 * images[0].n_objects)
    assert sum(image.n_objects for image in trainer.sampler.images) + held == images[0].n_objects
    run(trainer.validate())
    assert trainer.choice.best_ap > 0.5
    trainer.steps = 1
    run(trainer.validate())
    assert (trainer.choice.verdict, trainer.choice.best_step) == (Verdict.TAKEN, 1), (
        "the latest of equals"
    )
    own = trainer.choice.best_ap
    for best, first, verdict in (
        (own + 0.29 / held, -1.0, Verdict.TAKEN),  # three objects are few
        (own + 0.31 / held, -1.0, Verdict.NOT_BETTER),
        (own, own + 0.01, Verdict.NOT_BETTER),  # but none is taken that is worse than the start
    ):
        trainer.choice.best_ap, trainer.choice.start_ap = best, first
        run(trainer.validate())
        assert trainer.choice.verdict is verdict
        assert trainer.choice.best_ap == best
    trainer.choice.best_ap, trainer.choice.start_ap = own, own
    trainer.average.network.load_state_dict(network(start.settings, 1).state_dict())
    trainer.steps = 2
    run(trainer.validate())
    assert (trainer.choice.verdict, trainer.choice.best_step) == (Verdict.NOT_BETTER, 1)
    run(trainer.choose_thresholds())
    thresholds = trainer.best.clustering
    assert thresholds.updated(min_size=12) in (
        start.clustering.updated(min_size=12),
        ClusteringSettings(),
    )


def test_classes_follow_and_large_sets_hold_out_no_more_than_needed() -> None:
    images = [partly((300, 300), 80, seed) for seed in range(3)]
    for image in images:
        image.classes[1:] = np.arange(1, len(image.classes))
    split = hold_out_objects(images)
    assert sum(i.n_objects for i in split[1]) == MOST
    for image, training in zip(images, split[0], strict=True):
        for k in range(1, training.n_objects + 1):
            assert training.classes[k] == image.labels[training.labels == k][0]

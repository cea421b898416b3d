"""Held-out objects: which, and that nothing of them is trained on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage as ndi

from builders import capsules, network, training_image
from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import BACKGROUND, ClusteringSettings
from napari_spatial_embeddings.core.maps import IGNORE, ideal_maps
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.system.cancellation import run
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.choice import Verdict
from napari_spatial_embeddings.training.held_out import LEAST, MOST
from napari_spatial_embeddings.training.held_out_objects import hold_out_objects
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.validation import evaluate
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
    assert (training.n_objects, validation.n_objects) == (n - LEAST, LEAST)
    for part in (training, validation):
        assert np.unique(part.labels[part.labels > 0]).tolist() == list(
            range(1, part.n_objects + 1)
        )
        assert (part.labels == 0).any()
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
    assert validation.n_objects == validation.n_drawn == LEAST
    assert training.proposed is not None
    assert training.n_drawn == len(drawn) - validation.n_objects
    assert not training.proposed[0]
    marked = np.isin(training.labels, np.flatnonzero(training.proposed))
    assert np.array_equal(marked, np.isin(labels, list(others)))


@pytest.mark.parametrize("shape", [(160, 160), (24, 60, 60)])
def test_where_all_is_annotated_the_background_around_an_object_goes_with_it(
    shape: tuple[int, ...],
) -> None:
    image = training_image(capsules(shape, count=12))
    (training,), (validation,) = hold_out_objects([image])
    held = validation.labels > 0
    to_held = ndi.distance_transform_edt(~held)
    to_others = ndi.distance_transform_edt((image.labels == 0) | held)
    background = image.labels == 0
    assert (validation.labels == 0)[background & (to_held < to_others)].all()
    assert (validation.labels == IGNORE)[background & (to_held > to_others)].all()
    assert (training.labels == IGNORE)[(to_held < 8) & (to_held < to_others)].all()
    assert (training.labels == 0)[background & (to_held > to_others)].all()
    assert (training.labels == 0)[background & (to_held > 12)].all(), "a diameter is 11"


def test_scribbles_are_held_out_alone_and_may_reach_into_no_other() -> None:
    labels = capsules((160, 160), count=12)
    drawn = np.where(ndi.distance_transform_edt(labels) > 3, labels, 0)
    stroke = int(labels.max()) + 1
    drawn[0] = stroke
    annotated = annotate(
        training_image(labels).image, drawn, scribbled=True, classes={stroke: BACKGROUND}
    )
    completed = annotate(annotated.image, labels, unlabelled="ignore")
    (training,), (validation,) = hold_out_objects([annotated], [completed])
    held = np.unique(labels[validation.labels > 0])
    assert len(held) == LEAST
    assert not np.isin(held, labels[training.labels > 0]).any()
    assert training.n_objects == annotated.n_objects - LEAST
    assert (training.labels[np.isin(labels, held)] == IGNORE).all()
    assert validation.scribbled
    others = (drawn > 0) & ~np.isin(drawn, held)
    assert (validation.labels[others] == 0).all()
    assert (validation.labels[drawn == 0] == IGNORE).all()
    maps = ideal_maps(labels, sigma=4.0)
    merged = ideal_maps(np.where(labels > 0, 1, 0), sigma=80.0)
    for found, right in (maps, 1.0), (merged, 0.0):
        (one,) = run(evaluate([found], [validation], ClusteringSettings()))
        assert one.ap[0] == right, "its object may be of any size, and be no other's"


@given(count=st.integers(2, 14), classes=st.integers(1, 4), seed=st.integers(0, 99))
def test_at_least_two_are_held_out_or_none_and_each_class_is_learned(
    count: int, classes: int, seed: int
) -> None:
    labels = capsules((160, 160), count=count)
    image = training_image(labels)
    image.classes[1:] = np.random.default_rng(seed).integers(0, classes, image.n_objects)
    (training,), validation = hold_out_objects([image])
    held = sum(one.n_objects for one in validation)
    assert held == 0 or held >= LEAST
    assert held + training.n_objects == image.n_objects
    assert set(training.classes[1:].tolist()) == set(image.classes[1:].tolist())


def test_a_few_objects_choose_among_the_models_of_a_start_that_has_not_seen_them() -> None:
    """However well a model fits what it is trained on: only held-out objects speak here."""
    sample, start = samples.nuclei(3, 160), find_model("nuclei-2d")
    images = [annotate(sample.image, sample.annotated, unlabelled="ignore")]
    settings = settings_for(1, images)
    trainer = prepare(images, settings, start, None)
    assert trainer.choice.held_out
    held = sum(image.n_objects for image in trainer.validation)
    assert held == LEAST
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
    assert sum(image.n_objects for image in images) > 10 * MOST
    for image in images:
        image.classes[1:] = np.arange(1, len(image.classes)) // 2
    split = hold_out_objects(images)
    assert sum(i.n_objects for i in split[1]) == MOST
    for image, training in zip(images, split[0], strict=True):
        for k in range(1, training.n_objects + 1):
            assert training.classes[k] == image.labels[training.labels == k][0] // 2

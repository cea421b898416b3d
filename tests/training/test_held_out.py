"""What a training holds out: told before it starts, and what it does then."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from builders import capsules, training_image
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.inference.model_card import Places
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.held_out import (
    IMAGES_FROM,
    OBJECTS_FROM,
    HeldOut,
    held_out_of,
    places_known,
)
from napari_spatial_embeddings.training.places import MOST_PLACES, objects_at, with_places
from napari_spatial_embeddings.training.preparation import prepare
from small_trainings import small_model

UNSEEN, SEEN = [{"held_out": True}], [{"held_out": True}, {"held_out": False}]


def images_of(images: int, objects: int, scribbled: bool) -> list[TrainingImage]:
    """Return images with some objects each, which are scribbles on the last image."""
    every = []
    for seed in range(images):
        labels = capsules((200, 200), seed, count=objects)
        assert labels.max() == objects
        image = training_image(labels, seed).image
        every.append(annotate(image, labels, unlabelled="ignore"))
    return [*every[:-1], replace(every[-1], scribbled=scribbled)]


@pytest.mark.parametrize("scribbled", [False, True])
@pytest.mark.parametrize(
    ("images", "objects", "share", "history", "expected"),
    [
        (1, OBJECTS_FROM, 0.1, UNSEEN, HeldOut.OBJECTS),
        (1, OBJECTS_FROM, 0.1, [], HeldOut.OBJECTS),
        (2, OBJECTS_FROM // 2 + 1, 0.1, UNSEEN, HeldOut.OBJECTS),
        (IMAGES_FROM - 1, 1, 0.1, [], HeldOut.OBJECTS),
        (1, OBJECTS_FROM - 1, 0.1, UNSEEN, HeldOut.FEW),
        (1, OBJECTS_FROM - 1, 0.1, SEEN, HeldOut.FEW),
        (1, 3 * OBJECTS_FROM, 0.1, SEEN, HeldOut.SEEN),
        (1, OBJECTS_FROM, 0.0, [], HeldOut.UNWANTED),
        (IMAGES_FROM, 1, 0.0, UNSEEN, HeldOut.UNWANTED),
        (IMAGES_FROM, 1, 0.1, [], HeldOut.IMAGES),
        (IMAGES_FROM, 1, 0.1, SEEN, HeldOut.IMAGES),
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
    new = 0 if places_known(None, history) is None else total
    assert held_out_of(images, total, new, 0, [total], share) is expected
    model, settings = small_model(annotated), TrainingSettings(validation_share=share, device="cpu")
    model.history = list(history)
    # Scribbles are completed for the training; what is scored are the annotations.
    completed = [replace(image, scribbled=False) for image in annotated] if scribbled else None
    trainer = prepare(annotated, settings, model, None, completed)
    assert trainer.choice.held_out is expected.something
    trained = sum(image.n_objects for image in trainer.sampler.images)
    scored = sum(image.n_objects for image in trainer.validation)
    assert trained + (scored if expected.something else 0) == total


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([OBJECTS_FROM], HeldOut.OBJECTS),
        ([1] * OBJECTS_FROM, HeldOut.FEW),
        ([2, *[1] * OBJECTS_FROM], HeldOut.FEW),
        ([2, 2, *[1] * OBJECTS_FROM], HeldOut.OBJECTS),
    ],
)
def test_the_only_object_of_a_class_is_learned_from(classes: list[int], expected: HeldOut) -> None:
    total = sum(classes)
    assert held_out_of(1, total, total, 0, classes, 0.1) is expected
    labels = capsules((200, 200), count=total)
    assert labels.max() == total
    image = annotate(training_image(labels).image, labels, unlabelled="ignore")
    image.classes[1:] = np.repeat(np.arange(len(classes)), classes)
    names = tuple("abcdefgh"[: len(classes)])
    model = small_model([image], classes=names)
    trainer = prepare([image], TrainingSettings(device="cpu"), model, None)
    assert trainer.choice.held_out is expected.something
    learned = Counter(c for one in trainer.sampler.images for c in one.classes[1:].tolist())
    assert learned.keys() == set(range(len(classes)))


def test_what_was_learned_is_not_held_out_later_and_new_objects_are() -> None:
    """Through five trainings, each from the model of the one before, with more annotations."""
    labels = capsules((300, 300), count=60, seed=4)
    image, settings = training_image(labels).image, TrainingSettings(device="cpu")
    assert labels.max() > 45
    model, learned, held = None, set[int](), list[set[int]]()
    for last in (4, 10, 20, 20, 45):
        drawn = np.where(labels <= last, labels, 0)
        known = annotate(image, drawn, unlabelled="ignore")
        trainer = prepare([known], settings, model or small_model([known]), None)
        scored, used = trainer.validation, trainer.sampler.images
        ids = [set(np.unique(labels[one.labels > 0]).tolist()) for one in (scored[0], used[0])]
        assert trainer.choice.held_out is (last > 4)
        if trainer.choice.held_out:
            assert not ids[0] & learned
            held.append(ids[0])
        learned |= ids[1]
        model = trainer.best
        model.history.append({"held_out": trainer.choice.held_out})
        assert model.places is not None
        assert len(model.places.learned) == len(learned)
        assert len(model.places.held_out) == (len(ids[0]) if last > 4 else 0)
    assert [len(some) for some in held] == [2, 2, 2, 4]
    assert held[1] == held[2], "without new objects, the same ones are held out"
    assert not held[0] & held[1], "with new ones, these are, and what was is learned from"
    assert not held[2] & held[3]
    assert held[0] | held[1] < learned


def test_images_that_were_learned_from_are_not_held_out_later() -> None:
    first, settings = images_of(IMAGES_FROM, 4, False), TrainingSettings(device="cpu")
    model = prepare(first, settings, small_model(first), None).best
    more = images_of(IMAGES_FROM + 5, 4, False)
    assert model.places is not None
    assert len(model.places.learned) == 4 * (IMAGES_FROM - 1)
    learned = [i for i in first if objects_at(i, model.places.learned).any()]
    assert len(learned) == IMAGES_FROM - 1
    trainer = prepare(more, settings, model, None)
    assert trainer.choice.held_out
    for scored in trainer.validation:
        assert not any(np.array_equal(scored.labels, image.labels) for image in learned)
    fewer = prepare([*first, more[-1]], settings, model, None)
    used = [image for image in fewer.sampler.images if image.n_objects]
    assert any(np.array_equal(more[-1].labels, image.labels) for image in used)
    (scored,) = fewer.validation
    assert any(np.array_equal(scored.labels, image.labels) for image in first), "as before"
    assert not any(np.array_equal(scored.labels, image.labels) for image in learned)


def test_a_place_is_of_one_image_alone_and_known_in_any_part_of_it() -> None:
    labels = capsules((200, 200), count=8)
    image = training_image(labels).image
    model = small_model([whole := annotate(image, labels, unlabelled="ignore")])
    model.places = with_places(Places(), [whole], [])
    model.history.append({"held_out": True})
    settings = TrainingSettings(device="cpu")
    edited = np.where(labels > 0, np.roll(labels, 1, 0), 0)
    part = annotate(image[:, 20:, 10:], labels[20:, 10:], unlabelled="ignore")
    for same in (
        whole,
        annotate(image, edited, unlabelled="ignore"),
        replace(part, origin=(20, 10)),
        replace(whole, name="renamed"),
    ):
        assert not prepare([same], settings, model, None).choice.held_out
    other = annotate(training_image(labels, seed=1).image, labels, unlabelled="ignore")
    assert prepare([other], settings, model, None).choice.held_out


def test_of_too_many_places_none_are_kept() -> None:
    labels = np.arange(1, MOST_PLACES + 2, dtype=np.int32).reshape(1, -1)
    images = [annotate(np.zeros((1, *labels.shape)), labels)]
    assert with_places(Places(), images, []) is None
    places = with_places(Places(), [annotate(images[0].image[..., 1:], labels[:, 1:])], [])
    assert places is not None
    assert len(places.learned) == MOST_PLACES
    assert with_places(places, [annotate(np.ones((1, 9, 9)), np.ones((9, 9), int))], []) is None
    assert with_places(None, images, []) is None

"""Training: learning, reproducibility, odd images, and the choice of the best model."""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from builders import capsules, training_image
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.system.cancellation import run
from napari_spatial_embeddings.training import gradients
from napari_spatial_embeddings.training.annotation import TrainingImage
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.train import Report, train
from small_trainings import ALWAYS, Clock, discs, same_weights, settings_for, small_model, trained


def test_it_learns_to_segment_discs_it_did_not_see() -> None:
    images, unseen = discs(4), discs(4, first=10)
    settings = settings_for(200, images, report_seconds=0.5)
    clock = Clock(tick=0.01)
    reports = list(train(images, settings, small_model(images), validation=unseen, clock=clock))
    last = reports[-1]
    assert last.validation is not None
    assert last.validation.held_out
    assert last.validation.ap50 >= 0.8
    image = unseen[0]
    found = last.model.segment(image.image)
    assert abs(len(found) - image.n_objects) <= 1
    assert last.loss < 0.6 * reports[0].loss
    check_course(reports, 200)


def check_course(reports: list[Report], steps: int) -> None:
    """Check the reports of a whole training."""
    assert len(reports) > 3
    assert [r.done for r in reports] == [False] * (len(reports) - 1) + [True]
    assert reports[-1].step == steps
    assert reports[-1].epoch == pytest.approx(steps * reports[0].epoch / reports[0].step)
    for a, b in itertools.pairwise(reports):
        assert a.step <= b.step
        assert a.seconds < b.seconds
    for report in reports:
        assert report.steps_per_second > 0
        parts = report.instance + report.variance + report.seed
        assert report.loss == pytest.approx(parts, rel=1e-4)
    assert reports[-1].seconds_left == 0
    # The learning rate rises and then falls; the crops grow and the batches shrink.
    rates = [r.learning_rate for r in reports]
    top = int(np.argmax(rates))
    assert rates == sorted(rates[:top]) + sorted(rates[top:], reverse=True)
    assert (reports[0].crop, reports[0].batch_size) == ((32, 32), 4)
    assert (reports[-1].crop, reports[-1].batch_size) == ((48, 48), 2)


def test_volumes_are_learned_by_the_same_code() -> None:
    spacing = (2.0, 1.0, 1.0)
    images = [
        training_image(capsules((12, 32, 32), k, radius=5, count=4, spacing=spacing), k)
        for k in range(2)
    ]
    model = small_model(images, spacing=spacing)
    settings = settings_for(
        200, images, batch_size=2, crop_size=16, learning_rate=4e-3, report_seconds=ALWAYS
    )
    reports = list(train(images, settings, model))
    losses = [r.loss for r in reports]
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:20])
    assert reports[-1].validation is not None
    assert reports[-1].validation.ap50 > 0.3


def test_the_same_seed_gives_the_same_weights() -> None:
    images = discs()
    one = trained(images, seed=1)
    assert same_weights(one, trained(images, seed=1))
    assert not same_weights(one, trained(images, seed=2, model=small_model(images)))


def test_the_same_seed_gives_the_same_weights_on_several_threads() -> None:
    images = discs()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        one, same = (trained(images, 4, batch_size=16, crop_size=64) for _ in range(2))
    finally:
        torch.set_num_threads(threads)
    assert same_weights(one, same)


def test_mixed_precision_is_of_the_network_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the processor, where a training would not use it for its own sake."""
    images = discs()
    outputs: list[torch.Tensor] = []
    losses: list[torch.Tensor] = []

    def step(*, mixed_precision: bool) -> torch.dtype:
        settings = settings_for(1, images, mixed_precision=mixed_precision)
        trainer = prepare(images, settings, small_model(images), None)
        trainer.weights.network.register_forward_hook(lambda *call: outputs.append(call[2]))
        losses.append(trainer.step(0.5).total.detach())
        trainer.close()
        assert {p.dtype for p in trainer.weights.network.parameters()} == {torch.float32}
        return outputs[-1].dtype

    assert step(mixed_precision=True) == torch.float32
    monkeypatch.setattr(gradients, "MIXED_PRECISION", frozenset({"cpu"}))
    assert step(mixed_precision=False) == torch.float32
    assert step(mixed_precision=True) == torch.bfloat16
    full, same, half = losses
    assert full.equal(same)
    assert not half.equal(full)
    torch.testing.assert_close(half, full, rtol=0.02, atol=0.0)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    images = discs()
    images[1] = replace(images[1], image=np.concatenate([images[1].image] * 2))
    with pytest.raises((RuntimeError, ValueError), match=r"channels|shape|dimension"):
        trained(images)


def test_images_about_which_nothing_is_known_do_no_harm() -> None:
    images = discs()
    blank = np.full((40, 40), IGNORE, np.int32)
    images.append(TrainingImage("blank", np.zeros((1, 40, 40)), blank, np.zeros(1, np.int64)))
    reports = list(
        train(images, settings_for(8, images, report_seconds=ALWAYS), small_model(images))
    )
    assert all(math.isfinite(r.loss) for r in reports)
    assert reports[-1].done


@pytest.mark.parametrize("value", [0, IGNORE])
def test_without_any_object_there_is_nothing_to_learn_from(value: int) -> None:
    labels = np.full((40, 40), value, np.int32)
    image = TrainingImage("empty", np.zeros((1, 40, 40)), labels, np.zeros(1, np.int64))
    with pytest.raises(InputError, match="there is nothing to learn from: no object is annotated"):
        next(train([image], settings_for(1, [image])))


@pytest.mark.parametrize(
    "labels",
    [
        np.ones((1, 1), np.int32),
        np.pad(np.ones((3, 3), np.int32), 2),
        np.arange(1, 401, dtype=np.int32).reshape(20, 20),
    ],
    ids=["one pixel", "smaller than a crop", "every pixel an object"],
)
def test_odd_annotations_train(labels: Any) -> None:
    images = [training_image(labels)]
    last = list(train(images, settings_for(3, images), small_model(images)))[-1]
    assert last.done
    assert math.isfinite(last.loss)


def test_scribbles_and_classes_train() -> None:
    images = [replace(image, scribbled=True) for image in discs()]
    for image in images:
        image.classes[2::2] = 1
        image.labels[image.labels == 0] = IGNORE
    model = small_model(images, classes=("round", "flat"))
    default = model.clustering.min_size
    last = list(train(images, settings_for(5, images), model))[-1]
    assert math.isfinite(last.loss)
    # The size of a scribble is not that of its object.
    assert last.model.clustering.min_size == default


@pytest.mark.parametrize("count", [8, 30])
def test_of_many_images_some_are_held_out(count: int) -> None:
    images = discs(count)
    settings = TrainingSettings(validation_share=0.1, device="cpu")
    trainer = prepare(images, settings, small_model(images), None)
    assert trainer.choice.held_out
    used = {image.name for image in trainer.sampler.images}
    held = {image.name for image in trainer.validation}
    assert not used & held
    assert used | held == {image.name for image in images}
    assert len(held) == max(1, count // 10)


def test_validation_images_that_are_given_are_used_and_never_trained_on() -> None:
    images, given = discs(9), discs(2, first=50)
    trainer = prepare(images, TrainingSettings(device="cpu"), small_model(images), given)
    assert trainer.choice.held_out
    assert [i.name for i in trainer.validation] == [i.name for i in given]
    assert len(trainer.sampler.images) == 9


def test_where_nothing_is_held_out_the_latest_is_kept() -> None:
    images = discs()
    settings = settings_for(5, images, validation_share=0)
    trainer = prepare(images, settings, small_model(images), None)
    trainer.choice.best_ap = 2.0
    trainer.step(0.5)
    run(trainer.validate())
    trainer.close()
    assert same_weights(trainer.best, trainer.average)


def test_the_best_model_is_kept_not_the_last() -> None:
    images = discs()
    trainer = prepare(images, settings_for(5, images), small_model(images), discs(1, first=5))
    trainer.choice.best_ap = 2.0  # better than anything that follows
    before = copy.deepcopy(trainer.best)
    trainer.step(0.5)
    run(trainer.validate())
    assert same_weights(trainer.best, before)
    trainer.choice.best_ap = -1.0
    run(trainer.validate())
    trainer.close()
    assert same_weights(trainer.best, trainer.average)
    assert not same_weights(trainer.best, before)
    assert [h["step"] for h in trainer.best.history] == [1, 1]

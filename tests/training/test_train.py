"""Training: learning, reproducibility, budgets, and the choice of the best model."""

from __future__ import annotations

import copy
import itertools
import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from builders import capsules, network, training_image
from napari_spatial_embeddings.config import ModelSettings, TrainingSettings
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.network import multiple
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.system.cancellation import run
from napari_spatial_embeddings.training import trainer as trainer_module
from napari_spatial_embeddings.training.annotation import TrainingImage
from napari_spatial_embeddings.training.checkpoint import Checkpoint
from napari_spatial_embeddings.training.preparation import crop_shape, prepare
from napari_spatial_embeddings.training.train import (
    WORKING_DIAMETER,
    Report,
    model_from_scratch,
    train,
)
from small_trainings import (
    ALWAYS,
    Clock,
    discs,
    same_weights,
    settings_for,
    small_model,
    trained,
    weights,
)


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


def test_a_finetuned_model_starts_from_what_it_knows() -> None:
    images = discs()
    start = SpatialEmbeddings(
        ModelSettings(width=8, levels=2, working_diameter=9.0, classes=("cell", "dirt")),
        pixel_size=(0.5, 0.5),
        about={"licence": "none"},
    )
    start.network = network(start.settings, 3)
    tuned = trained(images, 1, start, learning_rate=1e-12, average=0.0)
    assert tuned.settings == start.settings
    assert (tuned.pixel_size, tuned.about) == (start.pixel_size, start.about)
    for a, b in zip(weights(start).values(), weights(tuned).values(), strict=True):
        torch.testing.assert_close(a, b)
    moved = trained(images, 5, start, learning_rate=1e-2, average=0.0)
    assert not same_weights(start, moved)


def test_the_start_model_is_not_changed() -> None:
    images = discs()
    model = small_model(images)
    before = copy.deepcopy(model)
    trained(images, 3, model)
    assert same_weights(model, before)
    assert model.card() == before.card()
    pixels = [image.image.copy() for image in images]
    trained(images, 2)
    for image, kept in zip(images, pixels, strict=True):
        np.testing.assert_array_equal(image.image, kept)


def test_fractions_of_an_epoch_make_no_step_more() -> None:
    images = discs()
    trainer = prepare(images, settings_for(1, images), small_model(images), None)
    trainer.epoch_steps = 6.0
    for steps in range(1, 200):
        trainer.settings = trainer.settings.updated(epochs=steps / 6 + 1)
        trainer.steps = steps + 6
        assert trainer.progress() >= 1
        trainer.steps -= 1
        assert trainer.progress() < 1


@pytest.mark.parametrize("scribbled", [False, True])
def test_only_whole_objects_change_the_size(scribbled: bool) -> None:
    images = [replace(image, scribbled=scribbled) for image in discs()]
    start = small_model(images)
    start.history = [{}]
    diameter = 1.6 * start.settings.working_diameter
    trainer = prepare(images, settings_for(1, images, object_diameter=diameter), start, None)
    own = trainer.best.settings.working_diameter
    assert own == pytest.approx(start.settings.working_diameter if scribbled else diameter)
    assert trainer.best.image_diameter == diameter


@pytest.mark.parametrize("cost", [0.0, 1.0, 4.0, 20.0])
@pytest.mark.parametrize("minutes", [0.25, 1.0, 10.0])
def test_validations_come_early_and_leave_time_to_learn(minutes: float, cost: float) -> None:
    images = discs()
    settings = TrainingSettings(minutes=minutes, device="cpu")
    clock = Clock()
    trainer = prepare(images, settings, small_model(images), None, clock=clock)
    trainer.start_clock()
    pauses: list[float] = []
    while trainer.elapsed() + trainer.pause() < 60 * minutes:
        pauses.append(trainer.pause())
        trainer.validation_cost = cost
        clock.now += pauses[-1] + cost
        trainer.validated_at = trainer.elapsed()
    assert pauses[0] <= 10
    assert pauses == sorted(pauses)
    assert pauses[-1] <= settings.validation_seconds
    assert len(pauses) <= 2 + 60 * minutes / min(settings.validation_seconds, 60 * minutes / 8)
    share = max(1 / 9, cost / settings.validation_seconds)
    assert cost * (len(pauses) - 1) <= share * sum(pauses[1:]) + 1e-6


def test_a_model_from_scratch_suits_the_objects() -> None:
    images = discs(radius=8.0)
    model = model_from_scratch(images, width=4)
    assert 12 <= model.settings.working_diameter <= 20
    assert model.settings.offset_range >= 4 * model.settings.working_diameter
    assert (model.settings.ndim, model.settings.in_channels) == (2, 1)
    volume = training_image(capsules((10, 20, 20), 1, radius=4), channels=3)
    settings = model_from_scratch([volume], spacing=(2.0, 1.0, 1.0), width=4).settings
    assert (settings.ndim, settings.in_channels, settings.spacing) == (3, 3, (2.0, 1.0, 1.0))
    assert same_weights(
        model_from_scratch(images, width=4, seed=1), model_from_scratch(images, width=4, seed=1)
    )
    assert not same_weights(model, model_from_scratch(images, width=4, seed=1))


def test_a_model_from_scratch_sees_large_objects_from_afar() -> None:
    spacing = (2.0, 1.0, 1.0)
    labels = capsules((24, 48, 48), 0, count=2, radius=15, spacing=spacing)
    volume = replace(training_image(labels), spacing=spacing)
    model = model_from_scratch([volume], spacing=spacing, width=4, levels=2)
    assert model.image_diameter is not None
    assert model.image_diameter > 20
    assert model.settings.working_diameter == pytest.approx(WORKING_DIAMETER[3], abs=0.1)
    assert model.settings.spacing == (1.0, 1.0, 1.0), "thick slices are thin enough from afar"
    grid = model.resampling(spacing=spacing).grid(labels.shape)
    assert np.prod(grid) < labels.size / 3
    assert model.predict_maps(volume.image, spacing=spacing).shape == labels.shape


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.5, 1.0, 1.0)])
@pytest.mark.parametrize("diameter", [3, 20, 400])
def test_crops_fit_the_network_and_the_objects(spacing: tuple[float, ...], diameter: float) -> None:
    model = ModelSettings.model_validate(
        {"ndim": len(spacing), "spacing": spacing, "working_diameter": diameter}
    )
    crop = crop_shape(model, TrainingSettings())
    assert all(n % m == 0 for n, m in zip(crop, multiple(model), strict=True))
    assert crop == crop_shape(model, TrainingSettings(large_crop_factor=2))
    chosen = crop_shape(model, TrainingSettings(crop_size=100))
    for n, unit, m in zip(chosen, spacing, multiple(model), strict=True):
        assert abs(n * unit - 100) <= m * unit


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


def test_a_validation_measures_its_own_cost() -> None:
    images = discs()
    clock = Clock(tick=7.0)
    trainer = prepare(images, settings_for(1, images), small_model(images), None, clock=clock)
    trainer.start_clock()
    run(trainer.validate())
    assert trainer.validation_cost == 7.0
    clock.tick = 0.0
    assert trainer.validated_at == trainer.elapsed()
    assert trainer.pause() == 9 * 7.0


def test_mixed_precision_is_of_the_network_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the processor, where a training would not use it for its own sake."""
    images = discs()
    outputs: list[torch.Tensor] = []
    losses: list[torch.Tensor] = []

    def step(*, mixed_precision: bool) -> torch.dtype:
        settings = settings_for(1, images, mixed_precision=mixed_precision)
        trainer = prepare(images, settings, small_model(images), None)
        trainer.network.register_forward_hook(lambda *call: outputs.append(call[2]))
        losses.append(trainer.step(0.5).total.detach())
        trainer.close()
        assert {p.dtype for p in trainer.network.parameters()} == {torch.float32}
        return outputs[-1].dtype

    assert step(mixed_precision=True) == torch.float32
    monkeypatch.setattr(trainer_module, "MIXED_PRECISION", frozenset({"cpu"}))
    assert step(mixed_precision=False) == torch.float32
    assert step(mixed_precision=True) == torch.bfloat16
    full, same, half = losses
    assert full.equal(same)
    assert not half.equal(full)
    torch.testing.assert_close(half, full, rtol=0.02, atol=0.0)


def test_time_ends_a_training() -> None:
    images = discs()
    settings = TrainingSettings(minutes=1, crop_size=32, device="cpu", report_seconds=3)
    reports = list(train(images, settings, small_model(images), clock=Clock(tick=0.5)))
    assert len(reports) > 5
    assert reports[-1].done
    assert reports[-1].step > reports[0].step >= 1
    assert reports[0].seconds < 60 <= reports[-1].seconds
    assert reports[-1].seconds_left == 0
    for report in reports[:-1]:
        assert report.seconds + report.seconds_left == pytest.approx(60, rel=0.2)


def test_the_clock_starts_with_the_first_step() -> None:
    """However long the first validation takes, there is a training; and its time is all left."""
    images = discs()
    settings = TrainingSettings(minutes=1, batch_size=2, crop_size=32, device="cpu")
    clock = Clock(tick=59.0)
    first, *rest = train(images, settings, small_model(images), baseline=True, clock=clock)
    assert (first.step, first.seconds, first.seconds_left) == (0, 0.0, 60.0)
    assert first.validation is not None
    assert rest[-1].done
    assert rest[-1].step >= 1


@pytest.mark.parametrize("calls", [1, 2, 3, 4, 6, 9])
def test_a_cancelled_training_ends_with_a_report_wherever_it_is(tmp_path: Path, calls: int) -> None:
    """Between two steps, or between the pieces of the validations that follow each step."""
    images, path = discs(), tmp_path / "checkpoint"
    threads = threading.active_count()
    settings = settings_for(
        1000, images, report_seconds=ALWAYS, validation_seconds=ALWAYS, pseudo_labels=False
    )
    countdown = itertools.count(1)
    reports = list(
        train(
            images,
            settings,
            small_model(images),
            checkpoint=path,
            cancelled=lambda: next(countdown) >= calls,
        )
    )
    assert next(countdown) == calls + 1, "it is asked no more"
    assert threading.active_count() == threads
    last = reports[-1]
    assert not any(r.done for r in reports)
    assert Checkpoint.read(path).facts["steps"] == last.step
    if calls == 9:
        assert last.step >= 1
        # What was learned so far is the best there is.
        assert not same_weights(last.model, small_model(images))


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


@pytest.mark.parametrize(("count", "held_out"), [(2, False), (7, False), (8, True), (30, True)])
def test_of_many_images_some_are_held_out(count: int, held_out: bool) -> None:
    images = discs(count)
    settings = TrainingSettings(validation_share=0.1, device="cpu")
    trainer = prepare(images, settings, small_model(images), None)
    assert trainer.choice.held_out is held_out
    used = {image.name for image in trainer.sampler.images}
    held = {image.name for image in trainer.validation}
    if held_out:
        assert not used & held
        assert used | held == {image.name for image in images}
        assert len(held) == max(1, count // 10)
    else:
        assert used == held == {image.name for image in images}


def test_validation_images_that_are_given_are_used_and_never_trained_on() -> None:
    images, given = discs(9), discs(2, first=50)
    trainer = prepare(images, TrainingSettings(device="cpu"), small_model(images), given)
    assert trainer.choice.held_out
    assert [i.name for i in trainer.validation] == [i.name for i in given]
    assert len(trainer.sampler.images) == 9


def test_without_held_out_images_the_latest_is_kept() -> None:
    images = discs()
    trainer = prepare(images, settings_for(5, images), small_model(images), None)
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

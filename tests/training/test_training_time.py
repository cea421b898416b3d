"""The time of a training: its clock, its pauses between validations, its end."""

from __future__ import annotations

import itertools
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.core.compiled import compiled
from napari_spatial_embeddings.core.hinge import kernels
from napari_spatial_embeddings.core.hinge.compiled_hinge import compiled_hinge
from napari_spatial_embeddings.system.cancellation import run
from napari_spatial_embeddings.training.checkpoint import Checkpoint
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.train import train
from small_trainings import ALWAYS, Clock, discs, same_weights, settings_for, small_model


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


def test_the_loss_is_compiled_before_the_clock_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a new installation that takes longer than a short training has time."""
    hinge: Any = kernels.hinge
    fresh = compiled()(hinge.py_func)
    monkeypatch.setattr(sys.modules[compiled_hinge.__module__], "hinge", fresh)
    images = discs()
    trainer = prepare(images, settings_for(1, images), small_model(images), None)
    ready = list(fresh.signatures)
    assert len(ready) == 1
    trainer.step(0.0)
    trainer.close()
    assert fresh.signatures == ready


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

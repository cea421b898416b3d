"""Protection of what the start model knows: a share of its weights, and an early end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate
from napari_spatial_embeddings.training.checkpoint import Checkpoint
from napari_spatial_embeddings.training.choice import FALLS, START_SHARE
from napari_spatial_embeddings.training.preparation import prepare
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
    weights,
)


def test_few_annotations_move_a_model_a_part_of_the_way() -> None:
    images, start = discs(), disc_model()
    trainer = prepare(images, settings_for(3, images, average=0.0), start, None)
    trainer.choice.start_ap = 1.0
    for _ in range(3):
        trainer.step(0.5)
    trainer.close()
    moved, kept = trainer.weights.network.state_dict(), trainer.average.network.state_dict()
    for name, first in weights(start).items():
        torch.testing.assert_close(kept[name], moved[name].lerp(first, START_SHARE))
    assert not same_weights(trainer.average, start)


def test_of_scribbles_nothing_is_known_and_the_largest_share_is_kept() -> None:
    images = discs()
    scribbles = [replace(image, scribbled=True) for image in images]
    for some, share in (scribbles, START_SHARE), ([scribbles[0], images[1]], 0.0), (images, 0.0):
        trainer = prepare(some, settings_for(1, some), disc_model(), None)
        assert trainer.start is not None
        assert trainer.choice.start_share == share


@pytest.mark.parametrize("case", ["from scratch", "nothing is kept aside", "validation images"])
def test_a_model_is_not_held_back_without_need(case: str) -> None:
    images = discs()
    start = small_model(images) if case == "from scratch" else disc_model()
    share = 0.0 if case == "nothing is kept aside" else 0.1
    given = discs(6, first=9) if case == "validation images" else None
    settings = settings_for(1, images, validation_share=share)
    trainer = prepare(images, settings, start, given)
    assert trainer.start is None
    assert prepare(images, settings_for(1, images), disc_model(), None).start is not None


def few_nuclei(size: int) -> list[TrainingImage]:
    sample = samples.nuclei(3, size)
    return [annotate(sample.image, sample.annotated, unlabelled="ignore")]


def test_a_resumed_training_keeps_the_same_share(tmp_path: Path) -> None:
    """Though it is resumed from the checkpoint alone, without the start model."""
    images, start = few_nuclei(96), find_model("nuclei-2d")
    settings = settings_for(4, images, report_seconds=ALWAYS, validation_seconds=ALWAYS)
    whole, parts = (
        checkpoint_of(images, settings, start, tmp_path / name, *stops, baseline=True)
        for name, stops in (("whole", ()), ("parts", (2,)))
    )
    assert_same_checkpoint(whole, parts)
    assert {f"start/{name}" for name in weights(start)} < set(parts.tensors)
    assert parts.facts["start_ap"] > 0


def test_a_checkpoint_without_the_start_model_goes_on(tmp_path: Path) -> None:
    """As version 0.1.0 wrote it."""
    images, path = discs(), tmp_path / "checkpoint"
    settings = settings_for(6, images, report_seconds=ALWAYS, validation_seconds=ALWAYS)
    older = checkpoint_of(images, settings_for(2, images), disc_model(), path)
    tensors = {k: v for k, v in older.tensors.items() if not k.startswith("start/")}
    Checkpoint(tensors, older.facts).write(path)
    *_, last = train(images, settings, Checkpoint.read(path).model(), checkpoint=path)
    assert (last.step, last.done) == (6, True)


def test_from_scratch_a_fall_in_the_beginning_ends_nothing() -> None:
    images = discs()
    trainer = prepare(images, settings_for(10, images), small_model(images), None)
    assert trainer.choice.held_out
    trainer.choice.falls = FALLS
    for steps, early in (0, False), (4, False), (5, True):
        trainer.steps = steps
        assert trainer.overtrained is early
    trainer.learned, trainer.steps = True, 0
    assert trainer.overtrained


def test_a_training_that_only_forgets_ends_early_and_keeps_what_was_better() -> None:
    images, start = few_nuclei(160), find_model("nuclei-2d")
    settings = settings_for(
        60, images, learning_rate=1.0, report_seconds=ALWAYS, validation_seconds=ALWAYS
    )
    first, *_, before, last = train(images, settings, start, baseline=True)
    assert (last.done, last.seconds_left) == (True, 0)
    assert last.best_step + FALLS <= last.step < 60
    assert last.message.startswith("ended early")
    assert last.verdict
    assert last.validation == before.validation, "it was not scored once more"
    assert first.validation is not None
    assert last.validation is not None
    assert last.validation.mean_ap < first.validation.mean_ap

"""Checkpoints: a resumed training equals an uninterrupted one, after any crash."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from child_python import start_python
from damage import refusals
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.inference.model import CARD, WEIGHTS, SpatialEmbeddings
from napari_spatial_embeddings.training.checkpoint import Checkpoint, CheckpointError
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.train import train
from small_trainings import (
    ALWAYS,
    NEVER,
    assert_same_checkpoint,
    checkpoint_of,
    discs,
    settings_for,
    small_model,
)


@pytest.mark.parametrize("factor", [1.0, 1.5])
@pytest.mark.parametrize("validation_seconds", [ALWAYS, NEVER])
@pytest.mark.parametrize("stops", [[1], [4, 7]])
def test_resumed_equals_uninterrupted(
    factor: float, validation_seconds: float, stops: list[int], tmp_path: Path
) -> None:
    images = discs()
    settings = settings_for(
        8,
        images,
        report_seconds=ALWAYS,
        validation_seconds=validation_seconds,
        large_crop_factor=factor,
        large_crop_share=0.5,
    )

    run = partial(checkpoint_of, images, settings, small_model(images))
    whole, parts = run(tmp_path / "whole"), run(tmp_path / "parts", *stops)
    assert_same_checkpoint(whole, parts)
    assert {name.partition("/")[0] for name in whole.tensors} == {
        "network", "average", "best", "optimizer",
    }  # fmt: skip


def test_a_spent_budget_stays_spent_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    images, path = discs(), tmp_path / "checkpoint"
    first = list(train(images, settings_for(4, images), small_model(images), checkpoint=path))
    assert not list(train(images, settings_for(4, images), small_model(images), checkpoint=path))
    more = settings_for(7, images, report_seconds=ALWAYS)
    steps = [r.step for r in train(images, more, small_model(images), checkpoint=path)]
    assert (first[-1].step, steps[0], steps[-1]) == (4, 5, 7)


def test_what_the_start_model_scored_outlives_a_stop(tmp_path: Path) -> None:
    images, path = discs(), tmp_path / "checkpoint"
    start, settings = small_model(images), settings_for(4, images)
    trainer = prepare(images, settings, start, None)
    trainer.choice.start_ap, trainer.choice.best_step = 0.25, 3
    Checkpoint.of(trainer).write(path)
    again = prepare(images, settings, start, None)
    Checkpoint.read(path).restore(again)
    assert (again.choice.start_ap, again.choice.best_step) == (0.25, 3)


KILLED_TRAININGS = """
import os, signal, sys
from pathlib import Path

import torch

from interruptions import interrupt_each_change
from napari_spatial_embeddings.training.train import train
from small_trainings import ALWAYS, discs, settings_for, small_model

torch.set_num_threads(1)  # forks have no others
images = discs(1)
model, settings = small_model(images), settings_for(1, images, validation_seconds=ALWAYS)
list(train(images, settings, model))  # import and compile once, not in each fork


def work(moment, begin):
    folder = Path(sys.argv[1]) / str(moment)
    (folder / "model").mkdir(parents=True)
    begin()
    for report in train(images, settings, model, checkpoint=folder / "checkpoint"):
        report.model.save(folder / "model")
    return 0


interrupt_each_change(work, lambda path: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill_9_leaves_a_checkpoint_and_a_model_that_load(tmp_path: Path) -> None:
    child = start_python(KILLED_TRAININGS, str(tmp_path))
    output, complaint = child.communicate()
    assert (child.returncode, output, complaint) == (0, "", "")
    folders = [tmp_path / str(k + 1) for k in range(len(list(tmp_path.iterdir())))]
    # Each report writes the checkpoint, the weights and the card, in two changes each.
    assert len(folders) == 2 * 6 + 1
    for k, folder in enumerate(folders):
        path = folder / "checkpoint"
        assert path.exists() == (k >= 2)
        if path.exists():
            assert Checkpoint.read(path).facts["steps"] == 1
        assert (folder / "model" / WEIGHTS).exists() == (k >= 4)
        assert (folder / "model" / CARD).exists() == (k >= 6)
        if k >= 4:  # the card is in the weights' file as well
            assert SpatialEmbeddings.load(folder / "model").history
    images, path = discs(1), folders[2] / "checkpoint"
    settings = settings_for(3, images, report_seconds=ALWAYS)
    again = [r.step for r in train(images, settings, small_model(images), checkpoint=path)]
    assert again == [2, 3, 3]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    images, path = discs(), tmp_path / "checkpoint"
    list(train(images, settings_for(2, images), small_model(images), checkpoint=path))
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint"]
    return path


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_checkpoint_says_so(checkpoint: Path, share: float) -> None:
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match=r"is damaged: .*; delete it to start from") as caught:
        next(train(discs(), settings_for(4, discs()), small_model(discs()), checkpoint=checkpoint))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_model_is_refused(checkpoint: Path) -> None:
    images = discs()
    other = small_model(images, width=12)
    with pytest.raises(CheckpointError, match="of another model"):
        next(train(images, settings_for(4, images), other, checkpoint=checkpoint))


def test_a_checkpoint_of_another_version_is_refused(checkpoint: Path) -> None:
    saved = Checkpoint.read(checkpoint)
    saved.facts["schema"] += 1
    saved.write(checkpoint)
    with pytest.raises(CheckpointError, match="written by another version"):
        Checkpoint.read(checkpoint)


def test_a_checkpoint_brings_everything_back(checkpoint: Path) -> None:
    images = discs()
    trainer = prepare(images, settings_for(2, images), small_model(images), None)
    saved = Checkpoint.read(checkpoint)
    saved.facts["clustering"] = ClusteringSettings(min_size=77).model_dump(mode="json")
    saved.restore(trainer)
    again = Checkpoint.of(trainer)
    assert_same_checkpoint(again, saved)
    assert again.facts["seconds"] == pytest.approx(saved.facts["seconds"], abs=5)
    assert trainer.best.clustering.min_size == 77


def test_a_checkpoint_of_which_a_part_is_missing_or_broken_is_refused(tmp_path: Path) -> None:
    images, path = discs(1), tmp_path / "checkpoint"
    settings, model = settings_for(1, images), small_model(images)
    list(train(images, settings, model, checkpoint=path))
    sound, run = Checkpoint.read(path), prepare(images, settings, model, None)
    sound.restore(run)
    kinds = {name.rpartition("/")[::2] for name in sound.tensors}
    first = {
        last if "optimizer" in part else part.partition("/")[0]: (part, last)
        for part, last in kinds
    }
    assert {"network", "average", "best", "step", "exp_avg", "exp_avg_sq"} <= first.keys()
    for name in map("/".join, first.values()):
        others = {k: v for k, v in sound.tensors.items() if k != name}
        for tensors in (others, {**others, name: torch.zeros(3, 1, 5)}):
            with pytest.raises(CheckpointError, match="the checkpoint") as caught:
                Checkpoint(tensors, sound.facts).restore(run)
            assert "\n" not in str(caught.value)
            assert "delete it to start from scratch" in str(caught.value)
    for junk in (torch.ones(9, dtype=torch.uint8), torch.ones(()), torch.ones(2, 2)):
        with pytest.raises(CheckpointError):
            Checkpoint({**sound.tensors, "presumed/0": junk}, sound.facts).restore(run)
        with pytest.raises(CheckpointError):
            Checkpoint({**sound.tensors, "completed/0": junk}, sound.facts).completed_images(images)

    def use(facts: dict[str, Any]) -> None:
        Checkpoint(sound.tensors, facts).write(path)
        saved = Checkpoint.read(path)
        saved.model()
        saved.restore(run)
        assert run.progress() >= 0

    assert len(refusals(sound.facts, use, CheckpointError)) > 70

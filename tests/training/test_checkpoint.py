"""A crash costs seconds: what is resumed equals what was never interrupted."""

from __future__ import annotations

import signal
import time
from functools import partial
from pathlib import Path

import pytest

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.training.checkpoint import Checkpoint, CheckpointError
from napari_spatial_embeddings.training.preparation import prepare
from napari_spatial_embeddings.training.train import train
from small_trainings import (
    ALWAYS,
    NEVER,
    assert_same_checkpoint,
    checkpoint_of,
    discs,
    python,
    settings_for,
    small_model,
)


@pytest.mark.parametrize("factor", [1.0, 1.5])
@pytest.mark.parametrize("validation_seconds", [ALWAYS, NEVER])
@pytest.mark.parametrize("stops", [[1], [6, 11]])
def test_resumed_equals_uninterrupted(
    factor: float, validation_seconds: float, stops: list[int], tmp_path: Path
) -> None:
    images = discs()
    settings = settings_for(
        12,
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


LONG_TRAINING = """
import sys
from pathlib import Path
from small_trainings import ALWAYS, discs, settings_for, small_model
from napari_spatial_embeddings.training.train import train

images, folder = discs(), Path(sys.argv[1])
settings = settings_for(10_000, images, validation_seconds=ALWAYS)
for report in train(images, settings, small_model(images), checkpoint=folder / "checkpoint"):
    report.model.save(folder / "model")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 on Windows")
def test_kill_9_leaves_a_checkpoint_and_a_model_that_load(tmp_path: Path) -> None:
    path, folder = tmp_path / "checkpoint", tmp_path / "model"
    child = python(LONG_TRAINING, str(tmp_path))
    deadline = time.monotonic() + 120
    while not (folder / "model.json").exists() and child.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2)  # somewhere in the middle of a later step, validation or write
    child.send_signal(signal.SIGKILL)
    _, complaint = child.communicate()
    assert child.returncode == -signal.SIGKILL, complaint
    steps = Checkpoint.read(path).facts["steps"]
    assert steps >= 1
    assert SpatialEmbeddings.load(folder).history
    images = discs()
    settings = settings_for(steps + 2, images, report_seconds=ALWAYS)
    again = [r.step for r in train(images, settings, small_model(images), checkpoint=path)]
    assert (again[0], again[-1]) == (steps + 1, steps + 2)


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

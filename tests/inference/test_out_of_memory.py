"""Lack of memory in training: smaller batches, then smaller crops, then an error."""

from __future__ import annotations

import sys
import weakref

import numpy as np
import pytest

from child_python import start_python
from napari_spatial_embeddings.errors import OutOfMemory
from napari_spatial_embeddings.training.preparation import prepare
from small_trainings import discs, settings_for, small_model

TIGHT_TRAINING = """
import resource, sys
from pathlib import Path
from small_trainings import ALWAYS, discs, settings_for, small_model
from napari_spatial_embeddings.training.train import train

batch, crop, width, megabytes = map(int, sys.argv[1:])
images = discs()
list(train(images, settings_for(1, images, batch_size=1), small_model(images)))  # warm up
model = small_model(images, width=width)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20, resource.RLIM_INFINITY))
settings = settings_for(
    50, images, batch_size=batch, crop_size=crop, report_seconds=ALWAYS, large_crop_share=0
)
for report in train(images, settings, model):
    print(report.step, report.batch_size, *report.crop, report.message, flush=True)
    if report.step == 3:
        break
"""


def tight(batch: int, crop: int, width: int, megabytes: int) -> tuple[list[str], str]:
    """Train with little memory; return what is reported, and the complaints."""
    child = start_python(TIGHT_TRAINING, *map(str, (batch, crop, width, megabytes)))
    said, complaints = child.communicate()
    return said.splitlines(), complaints


limited = pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")


def lack_of_memory() -> MemoryError:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**58)
    return caught.value


def test_each_lack_of_memory_halves_the_batch_then_the_crop_then_gives_up() -> None:
    images = discs()
    settings = settings_for(1, images, batch_size=2, crop_size=64, large_crop_share=0)
    trainer = prepare(images, settings, small_model(images), None)
    message = trainer.shrink(lack_of_memory())
    assert message == "out of memory: halving the batch to 1 and going on"
    message = trainer.shrink(lack_of_memory())
    assert message == "out of memory: halving the crops to 32 x 32 pixels and going on"
    trainer.step(0.0)
    assert trainer.stage == ((32, 32), 1)
    trainer.close()
    with pytest.raises(OutOfMemory, match="too little memory for a single crop of 32 x 32 pixels"):
        trainer.shrink(lack_of_memory())


def test_what_did_not_fit_is_let_go() -> None:
    images = discs()
    trainer = prepare(images, settings_for(1, images), small_model(images), None)
    held = []

    def step() -> None:
        array = np.zeros(10)
        held.append(weakref.ref(array))
        raise lack_of_memory()

    try:
        step()
    except MemoryError as error:
        trainer.shrink(error)
        assert held[0]() is None


# Where memory really ends, native libraries sometimes end the process; so the rest runs by hand.


@pytest.mark.slow
@limited
def test_out_of_memory_halves_the_batch_and_goes_on() -> None:
    said, complaints = tight(batch=256, crop=64, width=8, megabytes=250)
    assert said[0] == "0 256 64 64 out of memory: halving the batch to 128 and going on", complaints
    step, batch, *crop = said[-1].split()
    assert (step, crop) == ("3", ["64", "64"])
    assert int(batch) <= 128


@pytest.mark.slow
@limited
def test_then_it_halves_the_crop() -> None:
    said, complaints = tight(batch=2, crop=1024, width=8, megabytes=100)
    assert "halving the batch to 1 and going on" in said[0], complaints
    assert "out of memory: halving the crops to 512 x 512 pixels and going on" in said[1]
    step, batch, *crop = said[-1].split()
    assert (step, batch) == ("3", "1")
    assert int(crop[0]) == int(crop[1]) <= 512


@pytest.mark.slow
@limited
def test_and_then_it_gives_up_with_a_sentence() -> None:
    _, complaints = tight(batch=1, crop=32, width=128, megabytes=60)
    last = complaints.splitlines()[-1]
    assert "OutOfMemory: cpu has too little memory for a single crop of 32 x 32 pixels;" in last

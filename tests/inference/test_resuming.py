"""A segmentation by blocks that ended early goes on from what it has done, with the same result."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from child_python import start_python
from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import BlockSettings, PredictionSettings, Settings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import OutOfMemory
from napari_spatial_embeddings.inference.block_run import BlockReport
from napari_spatial_embeddings.inference.block_segmentation import segment_blocks
from napari_spatial_embeddings.inference.block_work import BlockTooLarge, Done, Task
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.places import Here
from napari_spatial_embeddings.inference.registry import find_model

TILES = PredictionSettings(tile=96, halo=16, device="cpu")
BLOCKS = BlockSettings(block=80)


class Recorded(Here):
    """This process, which notes what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks = list[Task]()

    def do(self, task: Task) -> Done:
        done = super().do(task)
        self.tasks.append(task)
        return done


@pytest.fixture(scope="module")
def model() -> SpatialEmbeddings:
    return find_model("nuclei-2d")


@pytest.fixture(scope="module")
def image() -> ImageData:
    pixels = samples.crowded_nuclei(3, 200).image.astype(np.float32)
    return ImageData(pixels, "CYX", None, None, "image")


def reports(
    model: SpatialEmbeddings, image: ImageData, folder: Path, **more: Any
) -> Iterator[BlockReport]:
    given: dict[str, Any] = {
        "clustering": model.clustering,
        "prediction": TILES,
        "settings": BLOCKS,
        "source": "image",
    }
    return segment_blocks(model, image, folder=folder, **{**given, **more})


def result(last: BlockReport) -> NDArray[np.int32]:
    found = last.found
    assert found is not None
    out = np.zeros(found.blocks.shape, np.int32)
    for k in range(len(found.blocks)):
        out[found.blocks.core(k)] = found.labels(k)
    return out


@pytest.fixture(scope="module")
def whole(
    model: SpatialEmbeddings, image: ImageData, tmp_path_factory: pytest.TempPathFactory
) -> BlockReport:
    *_, last = reports(model, image, tmp_path_factory.mktemp("whole"))
    return last


@pytest.mark.parametrize("stops", [[4], [10], [3, 1, 5]])
def test_goes_on(
    model: SpatialEmbeddings, image: ImageData, whole: BlockReport, stops: list[int], tmp_path: Path
) -> None:
    done: list[Task] = []
    for stop in stops:
        place = Recorded()
        seen = reports(
            model,
            image,
            tmp_path,
            place=place,
            cancelled=lambda place=place, stop=stop: len(place.tasks) >= stop,
        )
        assert [report.found for report in seen][-1] is None
        done += place.tasks
    place = Recorded()
    before = done.copy()
    first, *_, last = reports(model, image, tmp_path, place=place)
    done += place.tasks
    assert len(set(done)) == len(done), "nothing is done twice"
    assert first.resumed == sum(task.block is not None for task in before)
    assert last.tiles == last.all_tiles
    np.testing.assert_array_equal(result(last), result(whole))
    facts = ("done", "total", "objects", "widened", "narrow", "cut")
    assert [getattr(last, name) for name in facts] == [getattr(whole, name) for name in facts]


KILLED = """
import os, signal, sys
from pathlib import Path

import numpy as np
import torch

from builders import capsules, picture
from interruptions import interrupt_each_change
from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.inference.block_segmentation import segment_blocks
from small_models import model_of

torch.set_num_threads(1)
model = model_of()
image = ImageData(picture(capsules((96, 96), 1, count=15)), "CYX", None, None, "image")
tiles = PredictionSettings(tile=48, halo=8, device="cpu")
blocks = BlockSettings(block=64)
clustering = ClusteringSettings(seed_threshold=0.4, foreground_threshold=0.38, margin_factor=0.5)


def labels(folder):
    run = segment_blocks(model, image, clustering, tiles, blocks, folder, source="image")
    *_, last = run
    return [last.found.labels(k) for k in range(last.total)]


def work(moment, begin):
    folder = Path(sys.argv[1]) / str(moment)
    begin()
    labels(folder)
    return 0


expected = labels(Path(sys.argv[1]) / "whole")
assert sum(int(part.max()) for part in expected) > 3
interrupt_each_change(work, lambda path: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL)
moments = [folder for folder in Path(sys.argv[1]).iterdir() if folder.name != "whole"]
for folder in moments:
    for one, other in zip(labels(folder), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not list(folder.rglob(".*.part"))
print(len(moments))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_change_of_the_disk_loses_nothing(tmp_path: Path) -> None:
    child = start_python(KILLED, str(tmp_path))
    out, err = child.communicate(timeout=120)
    assert (child.returncode, err) == (0, ""), err
    assert int(out) > 10


def test_what_decides_the_result_is_compared(
    model: SpatialEmbeddings, image: ImageData, tmp_path: Path
) -> None:
    other = find_model("nuclei-2d")
    with torch.no_grad():
        other.network.get_parameter("instance.out.bias").add_(1e-3)
    changed: dict[str, tuple[SpatialEmbeddings, ImageData, dict[str, Any]]] = {
        "the image": (model, image, {"source": "another image"}),
        "the model": (other, image, {}),
        "the clustering settings": (
            model,
            image,
            {"clustering": model.clustering.updated(min_size=20)},
        ),
        "the prediction settings": (model, image, {"prediction": TILES.updated(halo=24)}),
        "the block settings": (model, image, {"settings": BlockSettings(block=96)}),
    }
    changed["the image "] = (model, replace(image, data=np.asarray(image.data) + 1), {})
    for name, (its_model, its_image, more) in changed.items():
        before = Recorded()
        cancelled = lambda before=before: any(task.block == 0 for task in before.tasks)  # noqa: E731
        list(reports(model, image, tmp_path, place=before, cancelled=cancelled))
        first = next(reports(its_model, its_image, tmp_path, **more))
        assert first.changed == (name.strip(),)
        assert first.done == first.resumed == 0
        (found,) = tmp_path.glob("blocks-*/found")
        assert not list(found.iterdir()), "what is of no use is deleted"


def test_the_image_has_to_be_named(
    model: SpatialEmbeddings, image: ImageData, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").touch()
    for _ in range(2):
        first, *_ = reports(model, image, tmp_path, source="")
        assert (first.done, first.resumed, first.changed) == (0, 0, ())
    assert (tmp_path / "mine.txt").exists(), "only what is its own is deleted"


class Short(Recorded):
    """This process, in which memory is short for tiles or blocks of some edge."""

    def __init__(self, error: type[OutOfMemory], fits: int, fails: int) -> None:
        super().__init__()
        self.error, self.fits, self.fails, self.edges = error, fits, fails, list[int]()
        self.begun = itertools.count()

    def start(self, work: Any, plan: Any) -> None:
        super().start(work, plan)
        used: Settings = plan.settings if self.error is BlockTooLarge else plan.prediction
        self.edges.append(getattr(used, "block" if self.error is BlockTooLarge else "tile"))

    def do(self, task: Task) -> Done:
        if self.edges[-1] > self.fits and next(self.begun) >= self.fails:
            raise self.error
        return super().do(task)


@pytest.mark.parametrize("error", [OutOfMemory, BlockTooLarge])
def test_where_memory_was_short_it_goes_on_with_what_fitted(
    model: SpatialEmbeddings, image: ImageData, error: type[OutOfMemory], tmp_path: Path
) -> None:
    settings = {"settings": BlockSettings(block=160), "prediction": TILES.updated(tile=160)}
    place = Short(error, 100, 1)
    stopped = reports(
        model, image, tmp_path, place=place, cancelled=lambda: len(place.tasks) > 4, **settings
    )
    assert [report.found for report in stopped][-1] is None
    assert place.edges == [160, 80]
    again = Short(error, 100, 0)
    *_, last = reports(model, image, tmp_path, place=again, **settings)
    assert again.edges == [80]
    assert not set(again.tasks) & set(place.tasks[1:])
    assert len(np.unique(result(last))) == last.objects + 1 > 30

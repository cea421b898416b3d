"""Large images among all images of a project: in the window, and by the command line beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from builders import picture
from command_line import Outcome, call
from counted import Recorded
from label_files import ome_zarr
from napari_spatial_embeddings.config import BlockSettings
from napari_spatial_embeddings.core import image_data
from napari_spatial_embeddings.files import read_labels, stored
from napari_spatial_embeddings.inference.block_work import BlockWork, Task
from plugin.fake_results import Bench, discs, new_bench
from plugin.untrained import predict, use


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        bench.session.device = "cpu"
        yield bench


@pytest.fixture
def slides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two files that are large, as little as that takes here."""
    monkeypatch.setattr(image_data, "MAX_PIXELS", 20_000)
    monkeypatch.setattr(stored, "MAX_BYTES_IN_MEMORY", 0)
    pixels = [picture(discs((150, 200), seed=k), k)[0] for k in range(2)]
    one, other = (ome_zarr(tmp_path / f"slide {k}.zarr", pixels[k], "YX") for k in range(2))
    return one, other


def use_blocks(bench: Bench, folder: Path, slides: tuple[Path, Path]) -> Path:
    """Have two large images in a new project, and one of them open; return its results folder."""
    use(bench, folder / "model")
    bench.session.set_prediction(tile=64)
    bench.prediction.blocks = BlockSettings(block=64)
    bench.listed.add(slides)
    bench.wait()
    assert bench.session.project is not None
    assert bench.session.image == "slide_0"
    return bench.session.project.results_folder


def test_large_images_are_predicted_block_by_block_among_all(
    bench: Bench, qtbot: QtBot, tmp_path: Path, slides: tuple[Path, Path]
) -> None:
    results = use_blocks(bench, tmp_path, slides)
    bench.viewer.add_image(Recorded(picture(discs((150, 200), seed=2), 2)[0]), name="no file")
    assert predict(bench, qtbot, "all_images")
    assert "no file: it is large and no file of its own: choose it, and press Wh" in bench.message
    assert f"Wrote the labels of 2 images to {results}" in bench.message
    names = sorted(path.name for path in results.iterdir())
    tables = [f"{name}.csv" for name in ("slide 0", "slide 1", "summary")]
    records = [f"{table}.json" for table in tables]
    assert names == sorted([*tables, *records, "slide 0.zarr", "slide 1.zarr"])
    found = [read_labels(results / f"slide {k}.zarr") for k in range(2)]
    assert all(labels.any() for labels in found)
    whole = [x for x in bench.viewer.layers if x.name.endswith("whole image")]
    assert [x.name for x in whole] == ["slide 0 · whole image"], "of the open one"
    np.testing.assert_array_equal(whole[0].data[()], found[0])


def test_after_a_stop_all_images_and_the_whole_image_go_on_with_each_others_blocks(
    bench: Bench, qtbot: QtBot, tmp_path: Path, slides: tuple[Path, Path]
) -> None:
    results = use_blocks(bench, tmp_path, slides)
    texts: list[str] = []

    def stop(_done: int, _total: int, text: str) -> None:
        texts.append(text)
        if "slide 0: 5 of 12 blocks" in text:
            bench.prediction.cancel()

    bench.prediction.progressed.connect(stop)
    assert not predict(bench, qtbot, "all_images")
    bench.prediction.progressed.disconnect(stop)
    assert any(re.match("1 of 2, .* left: slide 0: . of 12 blocks", text) for text in texts)
    assert bench.large.unfinished is not None
    done, total = bench.large.unfinished
    assert 5 <= done < total == 12
    bench.session.tune(min_size=3)
    assert predict(bench, qtbot, "all_images")
    changed = r"slide 0: the clustering settings changed since (\d+) of 12 blocks"
    kept = re.search(changed, bench.message)
    assert kept is not None
    done = int(kept[1])  # one more may have been under way when it was stopped
    assert "choose it, and press Whole image to go on with them, or to start" in bench.message
    assert not (results / "slide 0.zarr").exists()
    bench.session.tune(min_size=1)
    steps: list[str] = []
    bench.large.progressed.connect(lambda _done, _total, text: steps.append(text))
    bench.large.start()
    bench.wait()
    counts = [int(found[1]) for text in steps if (found := re.match(r"(\d+) of 12 blocks", text))]
    assert min(counts) >= done, "none was done again"
    assert read_labels(results / "slide 0.zarr").any()
    assert not list(results.glob(".*"))


class Tasks(list[tuple[str, int]]):
    """The blocks that were done, by the folder of their image; the disk may be full after some."""

    full_after: int | None = None

    @property
    def number(self) -> int:
        """Number of different ones: where its halo grows, a block is done more than once."""
        return len(set(self))


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Tasks:
    tasks, do = Tasks(), BlockWork.do

    def counted(self: BlockWork, task: Task) -> Any:
        if task.block is not None:
            if tasks.full_after is not None and tasks.number >= tasks.full_after:
                raise OSError(28, "No space left on device")
            tasks.append((str(self.found.folder), task.block))
        return do(self, task)

    monkeypatch.setattr(BlockWork, "do", counted)
    return tasks


def command(bench: Bench) -> Outcome:
    """Predict the project's images by the command line."""
    assert bench.session.project is not None
    bench.autosave.flush()
    return call("predict", "--project", bench.session.project.folder, "--block", 64)


def test_what_is_complete_is_not_done_again(
    bench: Bench, qtbot: QtBot, tmp_path: Path, slides: tuple[Path, Path], tasks: Tasks
) -> None:
    """Whichever way it was made, window and command line leave it out with the same settings."""
    results = use_blocks(bench, tmp_path, slides)
    bench.large.start()
    bench.wait()
    assert tasks.number == 12
    assert predict(bench, qtbot, "all_images")
    assert bench.message == (
        f"1 image of an earlier run is kept. Wrote the labels of 1 image to {results}"
    )
    assert tasks.number == 24
    made, table = len(tasks), (results / "summary.csv").read_bytes()
    assert predict(bench, qtbot, "all_images")
    assert bench.message == "2 images of an earlier run are kept. Nothing was left to do."
    assert (results / "summary.csv").read_bytes() == table
    outcome = command(bench)
    assert (outcome.code, outcome.out) == (0, "2 of 2 images were done by an earlier run\n")
    assert len(tasks) == made
    bench.session.tune(min_size=3)
    assert command(bench).out.count("objects") == 2
    assert len(tasks) > made
    made = len(tasks)
    assert predict(bench, qtbot, "all_images")
    assert bench.message.startswith("2 images of an earlier run are kept.")
    assert len(tasks) == made


def test_complete_labels_that_lack_rows_are_made_again(
    bench: Bench, qtbot: QtBot, tmp_path: Path, slides: tuple[Path, Path], tasks: Tasks
) -> None:
    results = use_blocks(bench, tmp_path, slides)
    assert predict(bench, qtbot, "all_images")
    (results / "slide 0.csv").unlink()
    rows = (results / "slide 1.csv").read_text().splitlines(keepends=True)
    (results / "slide 1.csv").write_text("".join(rows[:-1]))
    made = len(tasks)
    assert predict(bench, qtbot, "all_images")
    assert len(tasks) == 2 * made
    assert (results / "slide 1.csv").read_text() == "".join(rows)


def test_what_window_or_command_line_has_begun_the_other_goes_on_with(
    bench: Bench, qtbot: QtBot, tmp_path: Path, slides: tuple[Path, Path], tasks: Tasks
) -> None:
    results = use_blocks(bench, tmp_path, slides)
    tasks.full_after = 5
    assert not predict(bench, qtbot, "all_images")
    assert "No space left on device" in bench.message
    tasks.full_after = 12 + 4
    outcome = command(bench)
    assert outcome.code == 1
    assert re.search(r"slide 0: \d of 12 blocks were done by an earlier run\n", outcome.err)
    assert "slide 0.zarr: " in outcome.out
    tasks.full_after = None
    assert predict(bench, qtbot, "all_images")
    assert bench.message.startswith("1 image of an earlier run is kept. Wrote")
    assert tasks.number == 24
    assert command(bench).out == "2 of 2 images were done by an earlier run\n"
    assert not list(results.glob("*.tif"))
    assert not list(results.glob(".*"))


def test_the_command_line_names_what_changed_where_it_starts_anew(
    bench: Bench, qtbot: QtBot, tmp_path: Path, slides: tuple[Path, Path], tasks: Tasks
) -> None:
    use_blocks(bench, tmp_path, slides)
    tasks.full_after = 5
    assert not predict(bench, qtbot, "all_images")
    tasks.full_after = None
    bench.session.tune(min_size=3)
    assert "slide 0: the clustering settings changed since the last run" in command(bench).err

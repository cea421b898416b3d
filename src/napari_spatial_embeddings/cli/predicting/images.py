"""Progress of a prediction of many images and time series, with bars meanwhile."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.cli.output import ResultWriter, write_line
from napari_spatial_embeddings.core.text import clock, plural
from napari_spatial_embeddings.large.estimate import size
from napari_spatial_embeddings.system.cancellation import never_cancelled

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings
    from napari_spatial_embeddings.inference.workers.dask_workers import DaskWorkers
    from napari_spatial_embeddings.prediction.done import DoneImages
    from napari_spatial_embeddings.prediction.inputs import Input
    from napari_spatial_embeddings.prediction.reports import InputReport
    from napari_spatial_embeddings.prediction.run import PredictRun
    from napari_spatial_embeddings.prediction.summary import ImageSummary

CLUSTERED = 1.6
"""Memory of a clustering with its maps, relative to that of the maps."""

ENOUGH = 3
"""Images, or frames, after which it is stated how long all of them take."""


def predict_all(
    run: PredictRun,
    inputs: Sequence[Input],
    results: ResultWriter,
    summary: dict[int, ImageSummary],
    done: DoneImages,
    workers: DaskWorkers | None = None,
    cancelled: Callable[[], bool] = never_cancelled,
) -> None:
    """Segment all images, and print what becomes of each.

    Parameters
    ----------
    run : PredictRun
    inputs : sequence of Input
    results : ResultWriter
    summary : dict of ImageSummary
        To which that of each image is added, by its place among them.
    done : DoneImages
        Those that an earlier run did.
    workers : DaskWorkers, optional
        That do the work.
    cancelled : callable
        Asked after each tile; once it is true, `KeyboardInterrupt` ends the work.
    """
    from napari_spatial_embeddings.prediction.many import predict_inputs

    with ExitStack() as opened:
        shown = _Lines(run, results, summary, _Bars(opened, len(inputs), silent=results.as_json))
        for report in opened.enter_context(closing(predict_inputs(run, inputs, done, workers))):
            shown.show(report)
            if cancelled():
                raise KeyboardInterrupt
        if shown.earlier:
            text = f"{shown.earlier} of {plural(len(inputs), 'image')}"
            results.say(f"{text} were done by an earlier run")


class _Lines:
    """Lines above the bars: what becomes of each image, and how long all of them take.

    Parameters
    ----------
    run, results, summary
        As of `predict_all`.
    bars : _Bars

    Attributes
    ----------
    earlier, new : int
        Images that an earlier run did, and this one.
    """

    def __init__(
        self,
        run: PredictRun,
        results: ResultWriter,
        summary: dict[int, ImageSummary],
        bars: _Bars,
    ) -> None:
        self._run, self._results, self._summary, self._bars = run, results, summary, bars
        self.earlier = self.new = 0

    def show(self, report: InputReport) -> None:
        """Show a report."""
        run, results = self._run, self._results
        if report.note:
            write_line(report.note, sys.stderr)
        if report.opened and report.image is not None and not run.by_blocks(report.image):
            _note_memory(run.model, report.image)
        self._bars.show(report)
        if report.summary is None:
            return
        self._summary[report.index] = report.summary
        if report.earlier:
            self.earlier += 1
            return
        self.new += 1
        if report.error is not None:
            results.skip(report.one, report.error)
        elif report.labels is not None:
            results.wrote(report.labels, len(report.summary.sizes), report.summary.frames)
            for text in report.lacks:
                results.lack(report.one, text)
        left, count = report.seconds_left, report.count - self.earlier
        if self.new == ENOUGH and count > 2 * ENOUGH and left is not None:
            results.say(f"{plural(count, 'image')}, about {clock(left)} left")


class _Bars:
    """Bars of the images, of the frames of a series, and of the tiles of an image or a frame."""

    def __init__(self, opened: ExitStack, count: int, *, silent: bool) -> None:
        self._opened, self._silent = opened, silent
        self._images = self._bar(count, "image", leave=True)
        self._tiles = self._bar(0, "tile")
        self._frames: dict[int, _Frames] = {}

    def show(self, report: InputReport) -> None:
        """Show a report, and after the first frames how long a series takes."""
        self._tiles.n, self._tiles.total = report.tiles
        self._tiles.set_description(report.one.name)
        if report.frames[1] and report.index not in self._frames:
            bar = self._bar(report.frames[1], "frame", report.one.name)
            self._frames[report.index] = _Frames(bar)
        frames = self._frames.get(report.index)
        if report.finished:
            self._images.update()
            if frames is not None:
                self._frames.pop(report.index).bar.close()
        elif frames is not None:
            text = frames.show(report)
            if text and not self._silent:
                write_line(text, sys.stdout)

    def _bar(self, total: int, unit: str, name: str = "", *, leave: bool = False) -> Any:
        from tqdm import tqdm

        silent = True if self._silent else None  # None: a bar on a terminal, and nowhere else
        bar = tqdm(total=total or None, disable=silent, unit=unit, desc=name or None, leave=leave)
        return self._opened.enter_context(bar)


class _Frames:
    """The bar of a series, and the time that its frames take."""

    def __init__(self, bar: Any) -> None:
        self.bar, self._start, self._earlier, self._said = bar, time.monotonic(), 0, False

    def show(self, report: InputReport) -> str:
        """Show how many frames are done; return a line about the time left, once."""
        done, count = report.frames
        self.bar.update(done - self.bar.n)
        if report.earlier:
            self._start, self._earlier = time.monotonic(), done
        new = done - self._earlier
        if self._said or new < ENOUGH or count - self._earlier <= 2 * ENOUGH:
            return ""
        self._said = True
        left = (time.monotonic() - self._start) / new * (count - done)
        return f"{report.one.name}: {plural(count, 'frame')}, about {clock(left)} left"


def _note_memory(model: SpatialEmbeddings, image: ImageData) -> None:
    """Note on stderr that an image needs more memory than is left, and how it needs less."""
    from napari_spatial_embeddings.system.memory import free_memory

    own = model.settings
    maps = 4 * (own.ndim + own.sigma_components + len(own.classes)) * math.prod(image.shape)
    if CLUSTERED * maps > free_memory():
        less = (
            "its frames are not divided further"
            if image.frames is not None
            else "with a file as --output, such as NAME.zarr, it is segmented block by block"
        )
        sys.stderr.write(
            f"{image.name}: needs about {size(CLUSTERED * maps)} of memory, and"
            f" {size(free_memory())} are free; {less}\n"
        )

"""Progress of a prediction of many images and time series, with bars meanwhile."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.cli.output import ResultWriter, write_line
from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.text import clock, plural
from napari_spatial_embeddings.large.estimate import size
from napari_spatial_embeddings.system.cancellation import never_cancelled

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings
    from napari_spatial_embeddings.prediction.done import DoneImages
    from napari_spatial_embeddings.prediction.inputs import Input
    from napari_spatial_embeddings.prediction.run import InputReport, PredictRun
    from napari_spatial_embeddings.prediction.summary import ImageSummary

CLUSTERED = 1.6
"""Memory of a clustering with its maps, relative to that of the maps."""

ENOUGH = 3
"""Images, or frames, after which it is stated how long all of them take."""


def predict_all(
    run: PredictRun,
    inputs: Sequence[Input],
    results: ResultWriter,
    summary: list[ImageSummary],
    done: DoneImages | None = None,
    cancelled: Callable[[], bool] = never_cancelled,
) -> None:
    """Segment all images, and print what becomes of each.

    Parameters
    ----------
    run : PredictRun
    inputs : sequence of Input
    results : ResultWriter
    summary : list of ImageSummary
        To which that of each image is added.
    done : DoneImages, optional
        Those that an earlier run did.
    cancelled : callable
        Asked after each tile; once it is true, `KeyboardInterrupt` ends the work.
    """
    with ExitStack() as opened:
        shown = _Lines(run, results, summary, _Bars(opened, len(inputs), silent=results.as_json))
        for report in opened.enter_context(closing(run.images(inputs, done))):
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
        self, run: PredictRun, results: ResultWriter, summary: list[ImageSummary], bars: _Bars
    ) -> None:
        self._run, self._results, self._summary, self._bars = run, results, summary, bars
        self.earlier = self.new = 0

    def show(self, report: InputReport) -> None:
        """Show a report."""
        run, results = self._run, self._results
        if report.opened and report.image is not None:
            note_resampling(run.model, report.image, run.prediction)
            _note_memory(run.model, report.image)
        self._bars.show(report)
        if report.summary is None:
            return
        self._summary.append(report.summary)
        if report.earlier:
            self.earlier += 1
            return
        self.new += 1
        if report.error is not None:
            results.skip(report.one, report.error)
        elif report.labels is not None:
            results.wrote(report.labels, len(report.summary.sizes), report.summary.frames)
        left, count = report.seconds_left, report.count - self.earlier
        if self.new == ENOUGH and count > 2 * ENOUGH and left is not None:
            results.say(f"{plural(count, 'image')}, about {clock(left)} left")


class _Bars:
    """Bars of the images, of the frames of a series, and of the tiles of an image or a frame."""

    def __init__(self, opened: ExitStack, count: int, *, silent: bool) -> None:
        self._opened, self._silent = opened, silent
        self._images = self._bar(count, "image", leave=True)
        self._tiles = self._bar(0, "tile")
        self._frames: Any = None
        self._start = 0.0

    def show(self, report: InputReport) -> None:
        """Show a report, and after the first frames how long a series takes."""
        if report.opened and report.frames[1]:
            self._start = time.monotonic()
            self._frames = self._bar(report.frames[1], "frame", report.one.name)
        self._tiles.n, self._tiles.total = report.tiles
        self._tiles.set_description(report.one.name)
        if report.finished:
            self._images.update()
            if self._frames is not None:
                self._frames.close()
                self._frames = None
        elif report.found is not None and self._frames is not None:
            self._frames.update()
            done, count = report.frames
            if done == ENOUGH and count > 2 * ENOUGH and not self._silent:
                left = (time.monotonic() - self._start) / done * (count - done)
                text = f"{report.one.name}: {plural(count, 'frame')}, about {clock(left)} left"
                write_line(text, sys.stdout)

    def _bar(self, total: int, unit: str, name: str = "", *, leave: bool = False) -> Any:
        from tqdm import tqdm

        silent = True if self._silent else None  # None: a bar on a terminal, and nowhere else
        bar = tqdm(total=total or None, disable=silent, unit=unit, desc=name or None, leave=leave)
        return self._opened.enter_context(bar)


def note_resampling(
    model: SpatialEmbeddings, image: ImageData, prediction: PredictionSettings
) -> None:
    """Note on stderr that an image is resampled due to its pixel size, which may be wrong."""
    how, spacing = model.suited(prediction, image.pixel_size, image.unit)
    resampling = model.resampling(how.object_diameter, spacing)
    if prediction.object_diameter is None and resampling != model.resampling():
        factors = " x ".join(f"{f:.2g}" for f in resampling.factors)
        sys.stderr.write(
            f"{image.name}: resampled by {factors} before it is predicted, as its pixel size"
            " differs from that of the model's training images; --object-diameter overrides this\n"
        )


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

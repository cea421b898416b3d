"""Images of a run among workers of Dask.

A worker opens an image and does all of it. One that is too large for that is left to be shared: of
a time series, workers do a frame each, and the rest is segmented block by block once all others are
done. What a worker is asked for, and what it answers, are some kilobytes; pixels are in files.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from napari_spatial_embeddings.errors import Failure, InputError, OutOfMemory
from napari_spatial_embeddings.inference.workers.dask_blocks import DaskBlocks
from napari_spatial_embeddings.inference.workers.dask_workers import DaskWorkers

from .bookkeeping import keep, left_to_do, skipped, tried
from .done import DoneImages
from .image_work import ImageDone, ImageTask, OpenImages
from .inputs import Input
from .kept_frames import KeptFrames
from .reports import Clock, InputReport
from .run import PredictRun
from .unusable import Unusable


def share_inputs(
    run: PredictRun,
    inputs: Sequence[Input],
    done: DoneImages,
    workers: DaskWorkers,
    clock: Clock,
) -> Iterator[InputReport]:
    """Segment images by workers: see `many.predict_inputs`."""
    yield from _Sharing(run, done, workers, clock).reports(inputs)


@dataclass
class _Series:
    """A series under way."""

    kept: KeptFrames
    left: set[int]
    lacking: dict[int, InputError | Failure] = field(default_factory=dict)


class _Sharing:
    """Images that are under way, and those that wait for workers."""

    def __init__(
        self, run: PredictRun, done: DoneImages, workers: DaskWorkers, clock: Clock
    ) -> None:
        self._run, self._done, self._workers, self._clock = run, done, workers, clock
        done.folder.mkdir(parents=True, exist_ok=True)
        folder, outputs = done.folder.resolve(), run.outputs.apart()
        own = {"outputs": outputs, "kept": _nothing, "known": run.made_by}
        apart = replace(run, model=None, **own)  # type: ignore[arg-type]
        self._opener, self._name = OpenImages(apart, run.facts, folder), secrets.token_hex(8)
        self._waiting, self._blamed = deque[ImageTask](), deque[ImageTask]()
        self._reports: dict[int, InputReport] = {}  # the newest of each image under way
        self._series: dict[int, _Series] = {}
        self._large: list[int] = []

    def reports(self, inputs: Sequence[Input]) -> Iterator[InputReport]:
        """Yield the reports of all images."""
        for first in left_to_do(self._run, inputs, self._done, self._clock):
            if first.finished:
                yield first
            else:
                self._reports[first.index] = first
                self._waiting.append(ImageTask(first.index, first.one.apart()))
        try:
            newest = next(iter(self._reports.values()), None)
            while self._under_way():
                finished = self._workers.next()
                if finished is None:
                    assert newest is not None
                    yield replace(newest, seconds_left=self._left())
                    continue
                task: ImageTask = finished.task
                newest = self._reports[task.index]
                if finished.error is None:
                    yield from self._take(task, _as_given(finished.result, newest.one))
                elif not isinstance(finished.error, OutOfMemory):
                    raise finished.error
                elif task.again:
                    yield from self._take(task, ImageDone(error=finished.error))
                else:  # perhaps another one, beside which this was done, is to blame
                    self._blamed.append(replace(task, again=True))
            for index in self._large:
                yield from self._blocks(self._reports[index])
        finally:
            self._workers.stop()

    def _under_way(self) -> bool:
        """Have as many tasks done as is worth it; return whether any are under way."""
        workers = self._workers
        if not self._waiting and not workers.under_way and self._blamed:
            self._submit(self._blamed.popleft())
        while self._waiting and workers.under_way < workers.at_once:
            self._submit(self._waiting.popleft())
        return workers.under_way > 0

    def _submit(self, task: ImageTask) -> None:
        kind = "image" if task.frame is None else "frame"
        self._workers.submit(self._opener, self._name, task, kind)

    def _left(self) -> float | None:
        return self._clock.left(sum(report.share for report in self._reports.values()))

    def _take(self, task: ImageTask, result: ImageDone) -> Iterator[InputReport]:
        """Yield the reports that follow from what a worker has done."""
        report = self._reports[task.index]
        if task.frame is not None:
            yield from self._take_frame(report, task.frame, result)
        elif result.error is not None:
            yield self._last(skipped(report, Unusable(result.error)))
        elif result.frames is not None:
            yield from self._take_series(task, report, result)
        elif result.large:
            self._large.append(task.index)
            yield replace(report, note=result.note)
        else:
            labels = self._run.outputs.labels_path(report.one)
            yield self._last(
                replace(report, note=result.note, summary=result.summary, labels=labels)
            )

    def _take_series(
        self, task: ImageTask, report: InputReport, result: ImageDone
    ) -> Iterator[InputReport]:
        assert result.frames is not None
        count, one = result.frames, report.one
        kept = self._done.frames(one, self._run.outputs.labels_path(one))
        left = {t for t in range(count) if not kept.has(t)}
        self._series[task.index] = _Series(kept, left)
        apart = KeptFrames(kept.folder.resolve())
        tasks = [replace(task, frame=t, scale=result.scale, kept=apart) for t in sorted(left)]
        self._waiting.extendleft(reversed(tasks))  # before the next images
        report = replace(report, frames=(count - len(left), count))
        self._reports[task.index] = report
        yield replace(report, opened=True, note=result.note, earlier=len(left) < count)
        if not left:
            yield from self._joined(report)

    def _take_frame(self, report: InputReport, t: int, result: ImageDone) -> Iterator[InputReport]:
        series = self._series[report.index]
        series.left.discard(t)
        if result.error is not None:
            series.lacking[t] = result.error
        count = report.frames[1]
        text = f"{report.one.name}: {count - len(series.left)} of {count} frames"
        report = replace(report, message=text, frames=(count - len(series.left), count))
        self._reports[report.index] = report
        yield replace(report, seconds_left=self._left())
        if not series.left:
            yield from self._joined(report)

    def _joined(self, report: InputReport) -> Iterator[InputReport]:
        """Write the results of a series, as all its frames are done."""
        series, run = self._series.pop(report.index), self._run

        def joined() -> Iterator[InputReport]:
            image = run.opened(report.one)
            yield from run.joined(report, image, series.kept, series.lacking)

        yield from self._finishing(report, joined())

    def _blocks(self, report: InputReport) -> Iterator[InputReport]:
        """Segment an image block by block."""
        place = DaskBlocks(self._workers, report.one.apart().read)

        def blocks() -> Iterator[InputReport]:
            yield from self._run.large(report, self._run.opened(report.one), place)

        yield from self._finishing(report, blocks())

    def _finishing(
        self, first: InputReport, reports: Iterator[InputReport]
    ) -> Iterator[InputReport]:
        for report in tried(first, reports):
            self._reports[report.index] = report
            if report.finished:
                yield self._last(report)
            else:
                yield replace(report, seconds_left=self._left())

    def _last(self, report: InputReport) -> InputReport:
        """Return the last report of an image, which is done."""
        keep(self._done, report)
        del self._reports[report.index]
        self._clock.count(report)
        return replace(report, seconds_left=self._left())


def _as_given(result: ImageDone, one: Input) -> ImageDone:
    """Return what became of a task with the path of its image as it was given."""
    if result.error is None:
        return result
    text = str(result.error).replace(str(one.path.resolve()), str(one.path))
    kind = Failure if isinstance(result.error, Failure) else InputError
    return replace(result, error=kind(text))


def _nothing(folder: Path) -> None:
    """Do nothing, in a worker."""

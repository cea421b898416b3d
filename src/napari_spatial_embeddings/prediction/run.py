"""Run of a model over many images, as a generator of reports: files are written as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.errors import Failure, InputError

from .done import DoneImages
from .inputs import Input
from .outputs import Outputs
from .summary import ImageSummary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings
    from napari_spatial_embeddings.inference.segmentation import (
        Segmentation,
        SegmentationJob,
        SegmentationReport,
    )

    Objects = tuple[NDArray[np.int64], NDArray[np.float32]]
    """Sizes and scores of objects."""


@dataclass(frozen=True, slots=True)
class InputReport:
    """Progress of `PredictRun.images`.

    Parameters
    ----------
    index, count : int
        Which image of how many, from 0.
    one : Input
    message : str
        One sentence.
    image : ImageData, optional
        None until it was read.
    opened : bool
        Whether it was read just now.
    tiles, frames : (int, int)
        Of the image, or the frame of it, that are done, and all; a total of 0 where it is not
        known, or there are none.
    key : str
        Of the job: see `Input.complete`.
    found : Segmentation, optional
        Of an image or a frame, which is done with this report.
    summary : ImageSummary, optional
        Of an image that is done or skipped with this report, its last one.
    labels : path, optional
        Where its labels are, if it is done.
    error : InputError or Failure, optional
        Why it is skipped.
    earlier : bool
        Whether it was done by an earlier run.
    seconds_left : float, optional
        Until all images are done; None as long as nothing is.
    """

    index: int
    count: int
    one: Input
    message: str = ""
    image: ImageData | None = None
    opened: bool = False
    tiles: tuple[int, int] = (0, 0)
    frames: tuple[int, int] = (0, 0)
    key: str = ""
    found: Segmentation | None = None
    summary: ImageSummary | None = None
    labels: Path | None = None
    error: InputError | Failure | None = None
    earlier: bool = False
    seconds_left: float | None = None

    @property
    def finished(self) -> bool:
        """Whether this is the last report of its image."""
        return self.summary is not None

    @property
    def share(self) -> float:
        """How much of the image is done, from 0 to 1."""
        if self.finished:
            return 1.0
        inside = self.tiles[0] / self.tiles[1] if self.tiles[1] else 0.0
        frames, total = self.frames
        return (frames + inside * (frames < total)) / total if total else inside


class _Unusable(Exception):
    """An image that cannot be segmented; the rest can."""

    def __init__(self, reason: InputError | Failure) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PredictRun:
    """A model, its settings, and what is written.

    Parameters
    ----------
    model : SpatialEmbeddings
    name : str
        The model's name or folder.
    clustering, prediction
        The settings.
    outputs : Outputs
    advice : str
        As in `SegmentationJob`.
    """

    model: SpatialEmbeddings
    name: str
    clustering: ClusteringSettings
    prediction: PredictionSettings
    outputs: Outputs
    advice: str = ""

    @property
    def about(self) -> dict[str, Any]:
        """How labels were made, for their files."""
        return {"model": self.name, "clustering": self.clustering.model_dump()}

    @property
    def facts(self) -> dict[str, Any]:
        """All that decides what is written of an image, for `DoneImages`."""
        from napari_spatial_embeddings import __version__
        from napari_spatial_embeddings.inference.block_record import digest_of_model

        return {
            "model": digest_of_model(self.model),
            "clustering": self.clustering.model_dump(),
            "prediction": self.prediction.model_dump(),
            "outputs": [self.outputs.table, self.outputs.maps],
            "version": __version__,
        }

    def images(
        self, inputs: Sequence[Input], done: DoneImages | None = None
    ) -> Generator[InputReport, None, None]:
        """Segment images and time series one after another; one that is bad does not stop the rest.

        Parameters
        ----------
        inputs : sequence of Input
        done : DoneImages, optional
            Those that an earlier run did, which are left out; those of this one are added.

        Yields
        ------
        InputReport
            Before an image is read, after that, after every tile and frame, and once it is done.

        Raises
        ------
        Failure
            If nothing more can be written.
        """
        clock = _Clock(len(inputs))
        for index, one in enumerate(inputs):
            first, labels = InputReport(index, len(inputs), one), self.outputs.labels_path(one)
            if not one.wanted():
                clock.leave_out()
                yield replace(first, summary=ImageSummary(one.name, one.well))
                continue
            known = None if done is None else done.find(one, labels)
            if known is not None:
                clock.leave_out()
                yield replace(first, summary=known, labels=labels, earlier=True)
                continue
            report = replace(first, message=f"{one.name}: reading", seconds_left=clock.left())
            yield report
            try:
                for report in self._image(first):
                    if done is not None and report.summary is not None and report.labels:
                        done.add(one, labels, report.summary)
                    yield replace(report, seconds_left=clock.left(report.share))
            except (_Unusable, InputError) as error:
                reason = error.reason if isinstance(error, _Unusable) else error
                summary = ImageSummary(one.name, one.well, error=str(reason))
                yield replace(
                    report,
                    message=str(reason),
                    opened=False,
                    found=None,
                    summary=summary,
                    error=reason,
                    seconds_left=clock.left(1.0),
                )
            clock.add()

    def _image(self, report: InputReport) -> Iterator[InputReport]:
        """Yield the reports of an image that is to be read."""
        one = report.one
        image, jobs = self._opened(one)
        frames = (0, image.frames) if image.frames is not None else (0, 0)
        report = replace(report, image=image, frames=frames)
        yield replace(report, opened=True)
        if image.frames is not None:
            yield from self._series(report, image, jobs)
            return
        for own in self._segmented(jobs):
            report = _following(report, own)
            if own.result is None:
                yield report
        found = own.result
        assert found is not None
        if not one.wanted():
            yield replace(report, summary=ImageSummary(one.name, one.well))
            return
        if self.outputs.maps:
            self.outputs.write_maps(one, image, found)
        where = found.classes, found.maps.spacing, image.pixel_size, image.unit
        self.outputs.write(one, found.instances, *where, self.about, image.data)
        objects = [(found.instances.size, found.instances.score)]
        yield self._finished(report, image, objects, found)

    def _series(
        self, report: InputReport, image: ImageData, jobs: list[SegmentationJob]
    ) -> Iterator[InputReport]:
        from napari_spatial_embeddings.core.units import spacing_of

        one, last = report.one, None
        objects: list[Objects] = []
        spacing = spacing_of(image.pixel_size) or self.model.settings.spacing
        with self.outputs.series(one, image, spacing, self.about) as add:
            for own in self._segmented(jobs):
                report = replace(_following(report, own), frames=(own.index, len(jobs)))
                if (last := own.result) is not None:
                    add(own.index, last)
                    objects.append((last.instances.size, last.instances.score))
                    report = replace(report, frames=(own.index + 1, len(jobs)), tiles=(0, 0))
                yield replace(report, found=last)
        yield self._finished(report, image, objects, None)

    def _finished(
        self,
        report: InputReport,
        image: ImageData,
        objects: list[Objects],
        found: Segmentation | None,
    ) -> InputReport:
        """Return the last report of an image that is done."""
        one = report.one
        return replace(
            report,
            message=f"{one.name}: done",
            found=found,
            summary=ImageSummary.of(one.name, one.well, image, objects),
            labels=self.outputs.labels_path(one),
        )

    def _opened(self, one: Input) -> tuple[ImageData, list[SegmentationJob]]:
        """Open an image, or a series, and return what is to be segmented of it."""
        from napari_spatial_embeddings.inference.image_check import check_image
        from napari_spatial_embeddings.inference.segmentation import SegmentationJob
        from napari_spatial_embeddings.inference.series import frame_jobs

        with _reasons():
            image, settings = one.read(), self.model.settings
            self.outputs.check(one, image)
            if image.frames is not None:
                jobs = frame_jobs(self.model, image, advice=self.advice)
            else:
                check_image(settings, image.data.shape, image.data.dtype, advice=self.advice)
                jobs = [SegmentationJob(one.key, one.name, lambda: image, advice=self.advice)]
            return image, [one.complete(job) for job in jobs]

    def _segmented(self, jobs: list[SegmentationJob]) -> Iterator[SegmentationReport]:
        """Yield the reports of an image, or of the frames of a series."""
        from napari_spatial_embeddings.inference.segmentation import segment_images

        for report in segment_images(self.model, self.name, jobs, self.clustering, self.prediction):
            if report.error is not None:
                raise _Unusable(_named(report.error, jobs, report.job))
            yield report


def _following(report: InputReport, own: SegmentationReport) -> InputReport:
    tiles = own.done, own.total
    return replace(report, message=own.message, tiles=tiles, key=own.job.key)


def _named(
    reason: InputError | Failure, jobs: list[SegmentationJob], job: SegmentationJob
) -> InputError | Failure:
    """Return a reason with the name of its frame, if there are several."""
    if len(jobs) == 1:
        return reason
    return (Failure if isinstance(reason, Failure) else InputError)(f"{job.name}: {reason}")


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn errors that make an image be skipped into `_Unusable`."""
    from napari_spatial_embeddings.inference.segmentation import SKIPPED, as_reason

    try:
        yield
    except SKIPPED as error:
        raise _Unusable(as_reason(error)) from error


class _Clock:
    """The time that images take, and the time that is left.

    Parameters
    ----------
    count : int
        Of all images.
    """

    def __init__(self, count: int, now: Callable[[], float] = time.monotonic) -> None:
        self._left, self._done, self._now = count, 0, now
        self._start = now()

    def leave_out(self) -> None:
        """Count an image that took no time."""
        self._left -= 1

    def add(self) -> None:
        """Count an image that is done."""
        self._left, self._done = self._left - 1, self._done + 1

    def left(self, share: float = 0.0) -> float | None:
        """Return the seconds until all are done; None as long as nothing is.

        Parameters
        ----------
        share : float
            Of the next image that is done.
        """
        done = self._done + share
        return (self._now() - self._start) / done * (self._left - share) if done else None

"""Segmentation of many images and time series, one after another, with bars meanwhile."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.cli.flags import CallError
from napari_spatial_embeddings.cli.output import ResultWriter, write_line
from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.text import clock, plural
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.large.estimate import size
from napari_spatial_embeddings.system.cancellation import never_cancelled

from .block_job import BlockJob
from .inputs import Input
from .series_output import series_output
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

CLUSTERED = 1.6
"""Memory of a clustering with its maps, relative to that of the maps."""

ENOUGH = 3
"""Frames after which it is stated how long the whole series takes."""


class _Unusable(Exception):
    """An image that cannot be segmented; the rest can."""

    def __init__(self, reason: InputError | Failure) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PredictRun:
    """A model, its settings, and what is written of images besides labels.

    Parameters
    ----------
    model : SpatialEmbeddings
    name : str
        The model's name or folder.
    clustering, prediction
        The settings.
    maps, silent : bool
        Whether maps are written; whether nothing but JSON is printed.
    advice : str
        As in `SegmentationJob`.
    cancelled : callable
        Asked between two tiles; once it is true, `KeyboardInterrupt` ends the work.
    """

    model: SpatialEmbeddings
    name: str
    clustering: ClusteringSettings
    prediction: PredictionSettings
    maps: bool = False
    silent: bool = False
    advice: str = ""
    cancelled: Callable[[], bool] = never_cancelled

    @property
    def about(self) -> dict[str, Any]:
        """How labels were made, for their files."""
        return {"model": self.name, "clustering": self.clustering.model_dump()}

    def images(
        self, inputs: list[Input], results: ResultWriter, summary: list[ImageSummary]
    ) -> None:
        """Segment all images; one that cannot be used does not stop the rest.

        Parameters
        ----------
        inputs : list of Input
        results : ResultWriter
        summary : list of ImageSummary
            To which that of each image is added.
        """
        start = time.monotonic()
        for done, one in enumerate(self._bar(inputs, "image")):
            if done == ENOUGH and len(inputs) > 2 * ENOUGH:
                self._say_left(plural(len(inputs), "image"), start, done, len(inputs))
            try:
                image, jobs = self._opened(one, results)
                if image.frames is None:
                    objects = [self._image(one, image, jobs, results)]
                else:
                    how = self._spacing(image), self.about
                    with results.series(one.name, one.path, image, *how) as add:
                        objects = self._frames(image, jobs, add)
            except _Unusable as error:
                results.skip(one.path, error.reason, one.name)
                summary.append(ImageSummary(one.name, one.well, error=str(error.reason)))
            else:
                summary.append(ImageSummary.of(one.name, one.well, image, objects))

    def series(self, job: BlockJob) -> int:
        """Segment a time series into one file or store; return how many objects are found."""
        from napari_spatial_embeddings.inference.series import frame_jobs

        work, image = job.work, job.work.image
        self._check_maps(image)
        jobs = frame_jobs(self.model, image, advice=self.advice)
        table, spacing = work.table_path if work.table else None, self._spacing(image)
        with series_output(work.output, image, spacing, self.about, table, work.host) as add:
            try:
                objects = self._frames(image, jobs, add)
            except _Unusable as error:
                raise error.reason from error
        return sum(len(sizes) for sizes, _ in objects)

    def _opened(self, one: Input, results: ResultWriter) -> tuple[ImageData, list[SegmentationJob]]:
        """Open an image, or a series, and return what is to be segmented of it."""
        from napari_spatial_embeddings.export.places import check_place
        from napari_spatial_embeddings.inference.segmentation import SegmentationJob
        from napari_spatial_embeddings.inference.series import frame_jobs

        with _reasons():
            image = one.read()
            if results.into:
                _check_host(one.path, image)
            check_place(results.labels_path(one.name, one.path))
            if image.frames is not None:
                self._check_maps(image)
                jobs = frame_jobs(self.model, image, advice=self.advice)
            else:
                jobs = [SegmentationJob(str(one.path), one.name, lambda: image, advice=self.advice)]
        return image, jobs

    def _check_maps(self, image: ImageData) -> None:
        if self.maps and image.frames is not None:
            raise CallError(
                f"{image.name} is a time series, whose maps are not kept; leave --maps out"
            )

    def _image(
        self, one: Input, image: ImageData, jobs: list[SegmentationJob], results: ResultWriter
    ) -> Objects:
        from napari_spatial_embeddings.export.maps import write_maps

        for report in self._segmented(jobs):
            if report.result is None and not report.total and report.image is not None:
                self._note(image)
        found = report.result
        assert found is not None
        size, unit = image.pixel_size, image.unit
        if self.maps:
            write_maps(results.folder / f"{one.name}.maps.zarr", found.maps, size, unit, found.card)
        how = found.classes, found.maps.spacing, size, unit, self.about
        results.write(one.name, one.path, found.instances, *how, image.data)
        return found.instances.size, found.instances.score

    def _frames(
        self,
        image: ImageData,
        jobs: list[SegmentationJob],
        add: Callable[[int, Segmentation], None],
    ) -> list[Objects]:
        """Segment the frames of a series, and print after the first ones how long that takes."""
        objects: list[Objects] = []
        start = time.monotonic()
        self._note(image)
        with self._counter(len(jobs), "frame", image.name) as bar:
            for report in self._segmented(jobs):
                if report.result is None:
                    continue
                add(int(report.job.key), report.result)
                found = report.result.instances
                objects.append((found.size, found.score))
                bar.update()
                if len(objects) == ENOUGH and len(jobs) > 2 * ENOUGH:
                    text = f"{image.name}: {plural(len(jobs), 'frame')}"
                    self._say_left(text, start, ENOUGH, len(jobs))
        return objects

    def _say_left(self, text: str, start: float, done: int, count: int) -> None:
        if not self.silent:
            left = (time.monotonic() - start) / done * (count - done)
            write_line(f"{text}, about {clock(left)} left", sys.stdout)

    def _segmented(self, jobs: list[SegmentationJob]) -> Iterator[SegmentationReport]:
        """Yield the reports of images, with a bar for the tiles of each."""
        from napari_spatial_embeddings.inference.segmentation import segment_images

        with self._counter(0, "tile", "") as tiles:
            for report in segment_images(
                self.model, self.name, jobs, self.clustering, self.prediction
            ):
                if self.cancelled():
                    raise KeyboardInterrupt
                if report.error is not None:
                    raise _Unusable(_named(report.error, jobs, report.job))
                tiles.n, tiles.total = report.done, report.total
                tiles.set_description(report.job.name)
                yield report

    def _spacing(self, image: ImageData) -> tuple[float, ...]:
        from napari_spatial_embeddings.core.units import spacing_of

        return spacing_of(image.pixel_size) or self.model.settings.spacing

    def _bar(self, inputs: list[Input], unit: str) -> Iterator[Input]:
        """Yield the inputs; a bar shows how many are done."""
        with self._counter(len(inputs), unit, "", leave=True) as bar:
            for one in inputs:
                yield one
                bar.update()

    def _counter(self, total: int, unit: str, name: str, *, leave: bool = False) -> Any:
        from tqdm import tqdm

        silent = True if self.silent else None  # None: a bar on a terminal, and nowhere else
        return tqdm(total=total or None, disable=silent, unit=unit, desc=name or None, leave=leave)

    def _note(self, image: ImageData) -> None:
        note_resampling(self.model, image, self.prediction)
        _note_memory(self.model, image)


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


def _check_host(path: Path, image: ImageData) -> None:
    """Refuse an image that labels cannot be written into, before it is segmented."""
    from napari_spatial_embeddings.export.label_store import LabelGrid
    from napari_spatial_embeddings.files.ome_zarr import is_zarr

    if not is_zarr(path):
        raise CallError(
            f"{path} is no OME-Zarr image, and --labels writes into such alone; name a folder with"
            " --output instead"
        )
    LabelGrid.like(path, image.shape)
    if not os.access(path, os.W_OK | os.X_OK):
        raise CallError(f"{path}: nothing can be written into it; name a folder with --output")


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

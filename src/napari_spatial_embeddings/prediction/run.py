"""Run of a model over many images: what is done of one of them, as generators of reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.quality.calibration import predicted_iou_of
from napari_spatial_embeddings.errors import Failure, InputError

from .done import DoneImages
from .facts import about_run, facts_of_run
from .inputs import Input
from .kept_frames import KeptFrames
from .notes import resampling_note
from .outputs import Outputs
from .reports import InputReport, following
from .sized import Diameters, sized
from .summary import ImageSummary, Objects
from .unusable import Unusable, reason_of, reasons

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.core.maps import Float
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings
    from napari_spatial_embeddings.inference.places import Place
    from napari_spatial_embeddings.inference.segmentation import (
        SegmentationJob,
        SegmentationReport,
    )


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
    blocks : BlockSettings
        For images whose maps would not fit in memory.
    kept, discard
        As in `large.segmentation.segment_large`.
    known : mapping, optional
        What ``made_by`` is, for processes that may not find the model's folder.
    diameters : Diameters, optional
        Of the objects, which are found, see `sized`; None if they are not.
    """

    model: SpatialEmbeddings
    name: str
    clustering: ClusteringSettings
    prediction: PredictionSettings
    outputs: Outputs
    advice: str = ""
    blocks: BlockSettings = field(default_factory=BlockSettings)
    kept: Callable[[Path], object] = lambda _: None
    discard: bool = True
    known: Mapping[str, Any] | None = None
    diameters: Diameters | None = None

    @property
    def made_by(self) -> Mapping[str, Any]:
        """The model's name and hash, for the files."""
        from napari_spatial_embeddings.inference.registry import made_by

        return made_by(self.name, self.model.card()) if self.known is None else self.known

    @property
    def about(self) -> dict[str, Any]:
        """The model and the settings, for the files."""
        return about_run(self.made_by, self.clustering, self.prediction)

    @property
    def facts(self) -> dict[str, Any]:
        """All that decides what is written of an image, for `DoneImages`."""
        settings = self.clustering, self.prediction, self.blocks
        size = {} if self.diameters is None else {"diameters": self.diameters.how}
        return facts_of_run(self.model, *settings, self.outputs) | size

    def image(self, first: InputReport, done: DoneImages) -> Iterator[InputReport]:
        """Yield the reports of an image, or a time series, that is segmented in this process.

        Raises
        ------
        Unusable, InputError
            If it cannot be segmented, or its results cannot be written.
        Failure
            If nothing more can be written.
        """
        image = self.opened(first.one)
        frames = (0, image.frames) if image.frames is not None else (0, 0)
        report = replace(first, image=image, frames=frames)
        yield replace(report, opened=True, note=self.note(image))
        if image.frames is not None:
            kept = done.frames(first.one, self.outputs.labels_path(first.one))
            yield from self._series(report, image, kept)
        elif self.by_blocks(image):
            yield from self.large(report, image)
        else:
            yield from self.small(report, image)

    # ------------------------------------------------------------- reading

    def opened(self, one: Input) -> ImageData:
        """Open an image, and check that it can be segmented, and that its results can be written.

        Raises
        ------
        Unusable
        """
        from napari_spatial_embeddings.inference.image_check import check_image

        with reasons():
            image = one.read()
            self.outputs.check(one, image, large=self.by_blocks(image))
            frame = image.frame(0).data
            check_image(self.model.settings, frame.shape, frame.dtype, advice=self.advice)
            return image

    def note(self, image: ImageData) -> str:
        """Return a sentence if an image is resampled due to its pixel size, which may be wrong."""
        asked = self.diameters is None
        return resampling_note(self.model, image, self.prediction) if asked else ""

    def scale(self, image: ImageData) -> Float:
        """Return the normalisation of a time series.

        Raises
        ------
        Unusable
        """
        from napari_spatial_embeddings.inference.normalisation import normalisation

        with reasons():
            return normalisation(image.data, self.model.settings)

    def by_blocks(self, image: ImageData) -> bool:
        """Whether an image is segmented block by block, as its maps may not fit in memory."""
        return image.frames is None and image.large and not self.outputs.of_maps

    # -------------------------------------------------------- segmentation

    def small(self, report: InputReport, image: ImageData) -> Iterator[InputReport]:
        """Yield the reports of an image whose maps fit in memory, and write its results."""
        from napari_spatial_embeddings.inference.segmentation import SegmentationJob

        from .repeated import annotated
        from .segmented import segmented

        one = report.one
        how = yield from sized(self, report, image)
        job = SegmentationJob(one.key, one.name, lambda: image, advice=self.advice)
        for own in self._found(one.complete(job), how):
            report = following(report, own)
            if own.result is None:
                yield report
        found = own.result
        assert found is not None
        if not one.wanted():
            yield replace(report, summary=ImageSummary(one.name, one.well))
            return
        written = segmented(one.name, found, image, one.path, made=self.made_by)
        for _ in self.outputs.write(one, annotated(one, written)):
            yield replace(report, message=f"{one.name}: writing")
        objects = [(found.instances.size, found.instances.score)]
        yield replace(self._finished(report, image, objects), found=found)

    def large(
        self, report: InputReport, image: ImageData, place: Place | None = None
    ) -> Iterator[InputReport]:
        """Yield the reports of an image that is segmented block by block, and write its results.

        Of a store that holds them already, nothing is done again. Its ``place`` is that of
        `large.segmentation.segment_large`.
        """
        from napari_spatial_embeddings.large.job import LargeJob

        from .large_image import segment_large_image

        one = report.one
        how = yield from sized(self, report, image)
        job = LargeJob(
            self.model,
            self.name,
            image,
            one.large_state(image) or one.state(),
            self.outputs.large_labels_path(one),
            self.clustering,
            how,
            self.blocks,
            self.outputs.large_table_path(one),
            one.path,
        )
        found = yield from segment_large_image(
            job,
            report,
            place,
            again=not self.outputs.in_store(one),
            kept=self.kept,
            discard=self.discard,
        )
        if found is None:
            yield replace(report, summary=ImageSummary(one.name, one.well))
            return
        last = self._finished(report, image, found.objects)
        yield replace(last, labels=job.output, earlier=found.earlier)

    def frame(
        self, report: InputReport, image: ImageData, t: int, scale: Float, kept: KeptFrames
    ) -> Iterator[InputReport]:
        """Yield the reports of a frame of a series, and keep its objects.

        Parameters
        ----------
        report : InputReport
        image : ImageData
            The series.
        t : int
            The frame's number.
        scale : float32 (2, C)
            Of the series.
        kept : KeptFrames
        """
        from napari_spatial_embeddings.export.measures import complete, full_steps
        from napari_spatial_embeddings.inference.series import frame_jobs

        one = report.one
        how = yield from sized(self, report, image)
        (job,) = frame_jobs(self.model, image, [t], self.advice, scale)
        try:
            for own in self._found(one.complete(job), how):
                report = following(report, own)
                if own.result is None:
                    yield report
        except Unusable as error:
            kind = Failure if isinstance(error.reason, Failure) else InputError
            raise Unusable(kind(f"{job.name}: {error}")) from error
        found = own.result
        assert found is not None
        rows = {}
        if self.outputs.table_path(one) is not None:
            pixels, spacing = image.frame(t).data, found.maps.spacing
            ious = predicted_iou_of(found.card, found.maps, found.instances)
            where = pixels, image.pixel_size, image.unit, spacing, (), ious
            rows = complete(full_steps(found.instances, found.classes, *where))
        kept.write(t, found.instances, rows)
        yield replace(report, found=found, tiles=(0, 0))

    def _series(
        self, report: InputReport, image: ImageData, kept: KeptFrames
    ) -> Iterator[InputReport]:
        """Yield the reports of a series, one frame after another, and write its results."""
        count, scale = image.frames or 1, self.scale(image)
        lacking: dict[int, InputError | Failure] = {}
        for t in range(count):
            earlier, found = kept.has(t), None
            if not earlier:
                first = replace(report, frames=(t, count))
                try:
                    for report in self.frame(first, image, t, scale, kept):
                        if report.found is None:
                            yield report
                    found = report.found
                except (Unusable, InputError) as error:
                    lacking[t] = reason_of(error)
            report = replace(report, frames=(t + 1, count), tiles=(0, 0), found=None)
            yield replace(report, found=found, earlier=earlier)
        yield from self.joined(report, image, kept, lacking)

    def joined(
        self,
        report: InputReport,
        image: ImageData,
        kept: KeptFrames,
        lacking: Mapping[int, InputError | Failure],
    ) -> Iterator[InputReport]:
        """Write the results of a series all of whose frames are done, but for some that cannot be.

        Parameters
        ----------
        report : InputReport
        image : ImageData
        kept : KeptFrames
        lacking : mapping
            Why there are no objects of these frames.

        Raises
        ------
        Unusable
            If there are none of any frame.
        """
        from napari_spatial_embeddings.core.units import spacing_of

        one, count = report.one, image.frames or 1
        lacks = {t: lacking[t] for t in sorted(lacking)}
        if len(lacks) == count:
            raise Unusable(next(iter(lacks.values())))
        objects: list[Objects] = []
        spacing = spacing_of(image.pixel_size) or self.model.settings.spacing
        how = yield from sized(self, report, image)
        about = about_run(self.made_by, self.clustering, how)
        with self.outputs.series(one, image, spacing, about) as add:
            for t in range(count):
                if t not in lacks:
                    frame = kept.read(t)
                    add(t, frame)
                    objects.append((frame.sizes, frame.scores))
                yield replace(report, message=f"{one.name}: writing")
        last = self._finished(report, image, objects, tuple(map(str, lacks.values())))
        if not lacks:
            kept.clear()
        yield last

    def _finished(
        self,
        report: InputReport,
        image: ImageData,
        objects: list[Objects],
        lacks: tuple[str, ...] = (),
    ) -> InputReport:
        """Return the last report of an image that is done."""
        one = report.one
        return replace(
            report,
            message=f"{one.name}: done",
            found=None,
            summary=ImageSummary.of(one.name, one.well, image, objects, "; ".join(lacks)),
            labels=self.outputs.labels_path(one),
            lacks=lacks,
        )

    def _found(self, job: SegmentationJob, how: PredictionSettings) -> Iterator[SegmentationReport]:
        """Yield the reports of an image, or of a frame of a series."""
        from napari_spatial_embeddings.inference.segmentation import segment_images

        for report in segment_images(self.model, self.name, [job], self.clustering, how):
            if report.error is not None:
                raise Unusable(report.error)
            yield report

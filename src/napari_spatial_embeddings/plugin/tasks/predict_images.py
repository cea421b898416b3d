"""Predictions of all images of a project, whose labels are written into files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from napari_spatial_embeddings.core.text import clock, plural
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.files import distinct
from napari_spatial_embeddings.files.names import frame_key, series_key
from napari_spatial_embeddings.large.unfinished import part_folder
from napari_spatial_embeddings.prediction.inputs import Input, not_known
from napari_spatial_embeddings.prediction.summary import ImageSummary

from .predict import ImageToPredict, PredictionReport, PredictionRequest, corrections_of, listed

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.registry import ModelCache
    from napari_spatial_embeddings.inference.segmentation import SegmentationJob
    from napari_spatial_embeddings.prediction.reports import InputReport
    from napari_spatial_embeddings.project import Project

INTO = "instances"
"""Name of the labels in the fields of a plate."""

SUMMARY = "summary.csv"
"""Table of all images, in the folder of the results."""

FRAMES = 3
"""Frames of the first image after which it is stated how long all images take."""

STEPS = 1000
"""Steps of the bar for each image: a large one takes long."""

_ONE_AT_A_TIME = threading.Lock()
"""Held by the run of this program: one that was stopped ends with the tile that it is at."""

PATIENCE_SECONDS = 0.2
"""After which a run that waits for the one before looks whether it is still wanted."""


@dataclass(slots=True)
class Counts:
    """What became of the images so far.

    Parameters
    ----------
    files, fields : int
        Images whose labels were written into files, and into the fields of plates.
    earlier : int
        Images that an earlier run did, and whose labels are as they were.
    skipped : list of str
        Reasons.
    frames : list of str
        Reasons why frames of series were left out.
    """

    files: int
    fields: int
    earlier: int
    skipped: list[str]
    frames: list[str] = field(default_factory=list)

    def add(self, report: InputReport) -> None:
        """Count an image that is done."""
        if report.labels is None:
            return
        self.frames += report.lacks
        if report.earlier:
            self.earlier += 1
        elif report.one.into:
            self.fields += 1
        else:
            self.files += 1

    def sentence(self, project: Project) -> str:
        """Return what was done, for the user."""
        where, parts = project.results_folder, []
        if self.fields:
            parts.append(f"{plural(self.fields, 'field')} into the plate, as labels/{INTO}")
        if self.files or not (self.fields or self.earlier):
            parts.append(f"{plural(self.files, 'image')} to {where}")
        text = (
            f"Wrote the labels of {', and of '.join(parts)}" if parts else "Nothing was left to do"
        )
        if self.fields:
            text += f"; {SUMMARY} in {where.name} has the counts"
        if self.earlier:
            be = "is" if self.earlier == 1 else "are"
            text = f"{plural(self.earlier, 'image')} of an earlier run {be} kept. {text}"
        if self.frames:
            text = f"Left out {plural(len(self.frames), 'frame')}: {listed(self.frames)}. {text}"
        if self.skipped:  # first: a folder's path is long
            text = f"Skipped {plural(len(self.skipped), 'image')}: {listed(self.skipped)}. {text}"
        return text


def predict_images(
    models: ModelCache,
    request: PredictionRequest,
    project: Project,
    images: Sequence[ImageToPredict],
    added: Callable[[], object] = lambda: None,
) -> Iterator[PredictionReport]:
    """Segment several images, and write their labels into the project's folder, or into plates.

    An image that cannot be segmented does not stop the others; the last report names it, and so
    does the table of all images. Of one that is removed from the project meanwhile nothing is
    written. The labels of all frames of a time series are one file. After a run that was stopped,
    the next one leaves out what is done, unless that is open, or something has changed. Large
    images are segmented block by block, as `large.prediction` does: either goes on with what the
    other did.

    Parameters
    ----------
    models, request
    project : Project
    images : sequence of ImageToPredict
    added : callable
        Waits until all of them are in the project.

    Raises
    ------
    InputError, Failure
        If the model cannot be used, or none of the images could be segmented.
    """
    while not _ONE_AT_A_TIME.acquire(timeout=PATIENCE_SECONDS):
        yield PredictionReport(0, len(images), "Waiting for the run before")
    try:
        yield from _predict(models, request, project, images, added)
    finally:
        _ONE_AT_A_TIME.release()


def _predict(
    models: ModelCache,
    request: PredictionRequest,
    project: Project,
    images: Sequence[ImageToPredict],
    added: Callable[[], object],
) -> Iterator[PredictionReport]:
    # Its compiled loops take their time to load.
    from napari_spatial_embeddings.prediction.done import DoneImages
    from napari_spatial_embeddings.prediction.many import predict_inputs
    from napari_spatial_embeddings.prediction.outputs import Outputs
    from napari_spatial_embeddings.prediction.run import PredictRun
    from napari_spatial_embeddings.prediction.summary import write_summary

    added()
    counts, rows = Counts(0, 0, 0, []), list[ImageSummary]()
    names, inputs = _result_names(project, images), list[Input]()
    for one in images:
        problem = one.problem
        if not problem and one.key not in names:
            problem = "it could not be added to the project"
        if problem:
            counts.skipped.append(_sentence(one.name, problem))
            rows.append(ImageSummary(one.name, error=problem))
            done = len(counts.skipped)
            steps = STEPS * done, STEPS * len(images)
            yield PredictionReport(*steps, "", one.key, problem=counts.skipped[-1])
        else:
            inputs.append(_input(project, request, one, names[one.key]))
    before = len(counts.skipped)
    outputs = Outputs(project.results_folder, stores=True)
    run = PredictRun(
        models.load(request.model),
        request.model,
        request.clustering,
        request.prediction,
        outputs,
        blocks=request.blocks,
        discard=False,
    )
    record = DoneImages(part_folder(project.results_folder), run.facts)
    try:
        for report in predict_inputs(run, inputs, record):
            if report.summary is not None and (report.labels or report.error):
                rows.append(report.summary)
            counts.add(report)
            problem = ""
            if report.error is not None:
                problem = _sentence(report.one.name, _reason(report.error))
                counts.skipped.append(problem)
            index = before + report.index
            yield PredictionReport(
                round(STEPS * (index + report.share)),
                STEPS * len(images),
                _progress(report, index, len(images)),
                report.one.key if problem else report.key,
                report.found,
                problem,
            )
    finally:  # what is done when it is stopped is listed, too
        if rows and inputs:
            write_summary(project.results_folder / SUMMARY, rows, run.about)
    record.clear()
    if not (counts.files or counts.fields or counts.earlier) and counts.skipped:
        raise Failure(f"no image could be predicted: {listed(counts.skipped)}")
    total = STEPS * len(images)
    yield PredictionReport(total, total, counts.sentence(project))


def _result_names(project: Project, images: Sequence[ImageToPredict]) -> dict[str, str]:
    """Return the name of the results of each image that is in the project."""
    names = dict(project.card.result_names)
    series = [one for one in images if one.frames and not one.problem]
    own = distinct((one.name for one in series), names.values())
    return names | {one.key: name for one, name in zip(series, own, strict=True)}


def _input(project: Project, request: PredictionRequest, one: ImageToPredict, name: str) -> Input:
    from napari_spatial_embeddings.project.frames import read_whole, state_of_whole
    from napari_spatial_embeddings.project.image_source import large_state

    image, entry = one.image, project.card.find(one.key)
    read: Callable[[], ImageData] = partial(read_whole, project, one.key)
    state: Callable[[], str] = partial(state_of_whole, project, one.key)
    if image is not None:
        read, state = lambda: image, not_known
    path = one.source or project.folder if entry is None else project.folder / entry.path
    well = "" if entry is None else entry.well
    return Input(
        name,
        path,
        read,
        well,
        # The fields of a plate that nothing can be written into have theirs beside the others.
        INTO if well and os.access(path, os.W_OK | os.X_OK) else "",
        one.key,
        state,
        partial(_complete, request, one.key),
        lambda: one.frames or project.card.find(one.key) is not None,
        lambda image: large_state(project.folder, project.entry(one.key), image),
    )


def _complete(request: PredictionRequest, key: str, job: SegmentationJob) -> SegmentationJob:
    """Add what is known of an image, or of a frame of a series, whose key is its number."""
    own = job.key if job.key == key else frame_key(series_key(key), int(job.key))
    before, corrections = request.results.get(own), partial(corrections_of, request, own)
    return replace(job, key=own, before=before, corrections=corrections)


def _progress(report: InputReport, index: int, count: int) -> str:
    """Return how far it is, in a line."""
    left, (done, frames) = report.seconds_left, report.frames
    text = f"{min(index + 1, count)} of {count}"
    large = report.image is not None and report.image.large and report.tiles[0] >= FRAMES
    if left is not None and (report.index or report.finished or done >= FRAMES or large):
        text += f", {clock(left)} left"
    if frames:
        return f"{text}: {report.one.name}, {done} of {plural(frames, 'frame')}"
    if report.image is not None and report.image.large and report.message:
        return f"{text}: {report.message}"
    return f"{text}: {report.one.name}"


def _reason(error: InputError | Failure) -> str:
    """Return why an image was skipped, and what to do where the user has to choose."""
    from napari_spatial_embeddings.inference.block_record import OtherRun

    if not isinstance(error, OtherRun):
        return str(error)
    return f"{error}; choose it, and press Whole image to go on with them, or to start again"


def _sentence(name: str, problem: str) -> str:
    """Return a problem with the name of its image, unless that is in it."""
    return problem if problem.startswith(name) else f"{name}: {problem}"

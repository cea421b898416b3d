"""``train``: a model's folder of annotated images, or of a project."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from napari_spatial_embeddings.config import FOUND, ModelSettings, TrainingSettings
from napari_spatial_embeddings.inference.model_card import CHECKPOINT

from .compiling import compiling_staged
from .flags import (
    CallError,
    Subparsers,
    add_axes_flag,
    add_channels_flag,
    add_flags,
    add_grey_flag,
    add_pixel_size_flag,
)
from .model_writer import ModelWriter
from .reporter import Reporter
from .stop_request import StopRequest
from .train_request import TrainRequest

NO_LOCKS = (
    "{folder} is on a disk without locks: nothing keeps a second training of this project from"
    " writing the same model, so start only one at a time"
)

MEASURED = dict.fromkeys(("working_diameter", "offset_range"), "from the data")
"""Defaults that are not the fields' own."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("train", help="train a model on annotated images")
    parser.description = (
        "Train a model on images and label images of the same names, or on a project. The best"
        " model so far is in the output folder at any time; Ctrl+C stops and keeps it."
    )
    _add_file_flags(parser.add_argument_group("files"))
    _add_label_flags(parser.add_argument_group("what the labels mean"))
    parser.add_argument("--json", action="store_true", help="Report as lines of JSON on stdout.")
    parser.add_argument(
        "--stages",
        action="store_true",
        help="With --json: report what is done before the first step, too.",
    )
    parser.add_argument(
        "--stop-on-stdin",
        action="store_true",
        help="Stop, and keep the best model, at a line 'stop' on stdin or at its end: for programs"
        " that start this one.",
    )
    add_flags(parser, TrainingSettings, title="training")
    add_flags(parser, ModelSettings, title="a new model", skip=FOUND, defaults=MEASURED)
    parser.set_defaults(run=train)


def _add_file_flags(files: argparse._ArgumentGroup) -> None:
    files.add_argument(
        "--project",
        metavar="DIR",
        help="A project's folder: images, annotations, settings and start model are its own, and"
        " the model is written into it. Training flags override its settings.",
    )
    files.add_argument("--images", metavar="DIR", help="Folder of images.")
    files.add_argument("--labels", metavar="DIR", help="Folder of label images.")
    files.add_argument(
        "--image-suffix",
        metavar="TEXT",
        help="End of the images' names that the label images' have not, such as _img.",
    )
    files.add_argument(
        "--label-suffix",
        metavar="TEXT",
        help="End of the label images' names that the images' have not, such as _masks; both may be"
        " in one folder then.",
    )
    files.add_argument("--output", metavar="DIR", help="Folder for the model.")
    files.add_argument(
        "--model", metavar="NAME_OR_DIR", help="Start model; from scratch if not given."
    )
    files.add_argument(
        "--from-scratch",
        action="store_true",
        help="Start from random weights rather than from the project's model.",
    )
    # Its name in version 0.1.0.
    files.add_argument("--fresh", dest="from_scratch", action="store_true", help=argparse.SUPPRESS)
    files.add_argument("--val-images", metavar="DIR", help="Images to choose the best model by.")
    files.add_argument("--val-labels", metavar="DIR", help="Their label images.")
    files.add_argument("--resume", action="store_true", help="Go on with the output's training.")


def _add_label_flags(meaning: argparse._ArgumentGroup) -> None:
    meaning.add_argument(
        "--unlabelled",
        choices=["background", "ignore"],
        help="What unlabelled pixels are: background, or unknown outside regions (without regions:"
        " outside a thin ring around each object). [background]",
    )
    meaning.add_argument(
        "--regions",
        metavar="DIR",
        help="Where images are annotated completely: a mask image or a napari shapes CSV each.",
    )
    meaning.add_argument(
        "--classes",
        metavar="CSV",
        help="Table with the columns label, class (and image). The class 'background' marks"
        " scribbles on background.",
    )
    meaning.add_argument(
        "--scribbles",
        action="store_true",
        help="Labels cover only a part of each object; everything unlabelled is unknown.",
    )
    add_axes_flag(meaning)
    add_channels_flag(meaning)
    add_grey_flag(meaning)
    add_pixel_size_flag(meaning)


def train(options: argparse.Namespace) -> int:
    """Train, and write the model."""
    request = TrainRequest.of(options)
    reporter, stop = Reporter(as_json=options.json, stages=options.stages), StopRequest()
    if options.stop_on_stdin:
        stop.listen()
    # What is open is closed after an error has been reported and noted in the history.
    with ExitStack() as held, reporter.errors():
        _train(request, reporter, stop, held)
    return 0


def _train(request: TrainRequest, reporter: Reporter, stop: StopRequest, held: ExitStack) -> None:
    from napari_spatial_embeddings.project import Project
    from napari_spatial_embeddings.project.previous import keep_previous
    from napari_spatial_embeddings.system.lock import exclusive_lock

    project = None
    if request.project:
        project = Project.open(request.project)
        busy = f"{project.folder}: another training of this project is at work; stop it first"
        locked = held.enter_context(exclusive_lock(project.folder / ".training", busy))
        reporter.listener = project.history.note
        if not locked:
            reporter.message(NO_LOCKS.format(folder=project.folder))

    reporter.stage("loading PyTorch")
    from napari_spatial_embeddings.training.annotation import summarise
    from napari_spatial_embeddings.training.train import train as training

    from .train_job import job_of_folders, job_of_project

    held.enter_context(compiling_staged(reporter))
    reporter.stage("reading the annotations")
    job = job_of_project(request, project) if project else job_of_folders(request)
    checkpoint = job.output / CHECKPOINT
    if project:
        for part in job.output.glob(".*.part"):
            part.unlink()  # of a training that was killed while it wrote: the lock is held
        if not request.resume:
            keep_previous(project)
            checkpoint.unlink(missing_ok=True)
    reports = training(
        job.data.images,
        job.settings,
        job.model,
        validation=job.data.validation or None,
        checkpoint=checkpoint,
        baseline=job.trained,
        cancelled=stop.cancelled,
    )
    text = f"training on {summarise(job.data.images)}{job.start}"
    reporter.event(text, "start", **job.facts(), resumed=request.resume)
    reporter.stage("measuring the start model" if job.trained else "computing the first steps")
    if ModelWriter(job.output, reporter, stop).follow(reports) is None:
        raise CallError(
            f"the training in {job.output} is finished; give more --minutes or --epochs to go on"
        )

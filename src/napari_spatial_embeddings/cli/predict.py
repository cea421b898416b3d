"""``predict``: label images, and tables and maps if asked for, of images."""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.config import (
    BlockSettings,
    ClusteringSettings,
    ExportSettings,
    PredictionSettings,
)
from napari_spatial_embeddings.core.units import METRES
from napari_spatial_embeddings.export.command import NAMES as FORMATS

from .compiling import compiling_noted
from .flags import (
    ADVICE,
    CallError,
    Subparsers,
    add_axes_flag,
    add_channels_flag,
    add_flags,
    add_grey_flag,
    add_pixel_size_flag,
    read_flags,
)
from .image_reader import ImageReader
from .output import ResultWriter, add_output_flags
from .predict_blocks import note_kept, predict_in_blocks
from .predicting.block_job import BlockJob, check_output, is_one_file
from .predicting.copied import add_copied_flags, with_copied
from .predicting.images import predict_all
from .predicting.inputs import find_inputs
from .predicting.object_size import add_size_flag, diameters_of, with_found_diameter
from .predicting.summary_place import check_summary
from .predicting.workers import add_worker_flags, note_workers, workers_of
from .stop_request import StopRequest

if TYPE_CHECKING:
    from napari_spatial_embeddings.prediction.inputs import Input
    from napari_spatial_embeddings.prediction.run import PredictRun
    from napari_spatial_embeddings.prediction.summary import ImageSummary
    from napari_spatial_embeddings.project import Project

OWN = dict.fromkeys(ClusteringSettings.model_fields, "the model's")
"""Where the defaults of the clustering's flags come from."""

OTHERS = [name for name in FORMATS if name not in ("table", "ome-tiff", "panels")]
"""Formats that have no flag of their own."""

READING = ("axes", "channels", "grey", "pixel_size", "unit", "frames")
"""Flags about files, which a project's images do not need."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("predict", help="segment images with a model")
    parser.description = (
        "Segment images and time series; each one's labels land as NAME.tif in the output folder."
        " One image of any size is segmented block by block if the output is a file."
    )
    text = "Images, folders of images, or OME-Zarr plates; all of the project's if none is given."
    parser.add_argument("input", nargs="*", metavar="INPUT", help=text)
    parser.add_argument(
        "--pattern",
        metavar="PATTERN",
        help="Which files in folders: '*_dapi.tif', or '**/*.tif' for folders in them as well.",
    )
    parser.add_argument(
        "--project",
        metavar="DIR",
        help="A project's folder: images, model and settings are its own, unless others are given.",
    )
    text = "The model; the project's if not given."
    parser.add_argument("--model", metavar="NAME_OR_DIR", help=text)
    _add_places(parser)
    add_output_flags(parser)
    parser.add_argument("--maps", action="store_true", help="Write the maps too: NAME.maps.zarr.")
    text = "Draw the image, its maps and its objects in six panels: NAME.panels.png."
    parser.add_argument("--panels", action="store_true", help=text)
    parser.add_argument(
        "--format",
        nargs="+",
        choices=OTHERS,
        help="Write each image's objects for other programs too, as 'export' does.",
    )
    add_copied_flags(parser)
    add_axes_flag(parser)
    add_channels_flag(parser)
    add_grey_flag(parser)
    add_pixel_size_flag(parser)
    parser.add_argument(
        "--unit",
        choices=tuple(METRES),
        help="Unit of --pixel-size; what is given without one are ratios.",
    )
    parser.add_argument(
        "--frames",
        type=int,
        nargs="+",
        metavar="N",
        help="Of time series, these frames alone, counted from 0: each one's labels land as"
        " 'NAME, frame N.tif', with the brightness of the whole series.",
    )
    add_flags(parser, ClusteringSettings, title="clustering", defaults=OWN)
    add_flags(parser, PredictionSettings, title="prediction")
    add_size_flag(parser)
    add_flags(parser, BlockSettings, title="blocks, where the output is a file")
    add_flags(parser, ExportSettings, title="outlines, with --format")
    add_worker_flags(parser)
    parser.set_defaults(run=predict)


def _add_places(parser: argparse.ArgumentParser) -> None:
    """Add the flags of where results are written."""
    text = (
        "Folder for the results; the project's folder 'results' if not given. For one image of any"
        " size, a file: NAME.tif, NAME.ome.tif, NAME.zarr, or IMAGE.zarr/labels/NAME."
    )
    parser.add_argument("--output", metavar="PATH", help=text)
    text = (
        "Write the labels into the images themselves, which are OME-Zarr, such as the fields of a"
        " plate: IMAGE.zarr/labels/NAME."
    )
    parser.add_argument("--labels", metavar="NAME", help=text)
    text = (
        "Write a table of the images, NAME.csv, with counts, sizes and scores; of plates, also one"
        " of the wells, NAME.wells.csv."
    )
    parser.add_argument("--summary", metavar="CSV", help=text)


def predict(options: argparse.Namespace) -> int:
    """Segment images and write the results."""
    workers_of(options).prepare()  # what is imported here takes as long
    from napari_spatial_embeddings.inference.devices import choose_device
    from napari_spatial_embeddings.inference.registry import find_model
    from napari_spatial_embeddings.prediction.outputs import Outputs
    from napari_spatial_embeddings.prediction.run import PredictRun
    from napari_spatial_embeddings.project import Project

    project = Project.open(options.project) if options.project else None
    name, output = _model_and_output(options, project)
    model = find_model(name)
    # What was tuned in a project was tuned for its own model.
    tuned = project.card.clustering if project and not options.model else None
    clustering = read_flags(vars(options), tuned or model.clustering)
    own = PredictionSettings()
    if project:
        own = project.card.prediction.updated(device=project.card.device)
    prediction = read_flags(vars(options), own)
    choose_device(prediction.device)
    reader, into = ImageReader.of(options), options.labels or ""
    frames = _checked_frames(options)
    inputs = find_inputs(options.input, reader, project, options.pattern, output, into, frames)
    stores = project is not None and not options.ome
    inputs = with_copied(options, inputs)
    names = [*dict.fromkeys(options.format or ()), *["panels"] * options.panels]
    how = tuple(FORMATS[one] for one in names), read_flags(vars(options), ExportSettings())
    outputs = Outputs(output, options.table, options.ome, options.maps, stores, *how)
    advice = ADVICE if options.input else ""
    blocks = read_flags(vars(options), BlockSettings())
    run = PredictRun(model, name, clustering, prediction, outputs, advice, blocks, note_kept)
    run = replace(run, diameters=diameters_of(options))
    stop = StopRequest()
    with compiling_noted():
        if is_one_file(options.output):
            return _in_one_file(options, run, inputs, stop)
        with stop.signals():
            return _many(options, run, inputs, stop)


def _many(
    options: argparse.Namespace, run: PredictRun, inputs: list[Input], stop: StopRequest
) -> int:
    """Segment several images, into a folder or into the images themselves."""
    from napari_spatial_embeddings.large.unfinished import unfinished
    from napari_spatial_embeddings.prediction.done import DoneImages
    from napari_spatial_embeddings.prediction.summary import write_summary

    results = ResultWriter(run.outputs, inputs, as_json=options.json)
    results.check_apart()
    if options.summary:
        tables = (run.outputs.tables(one) for one in inputs)
        check_summary(Path(options.summary), itertools.chain.from_iterable(tables))
    summary: dict[int, ImageSummary] = {}
    first = Path(options.input[0]) if options.input else inputs[0].path
    beside = run.outputs.folder or first.with_name(f"{first.name}.{options.labels}")
    with (
        unfinished(beside, note_kept) as folder,
        workers_of(options).connected(run.name) as workers,
    ):
        note_workers(workers, results.say)
        done = DoneImages(folder, run.facts)
        try:
            predict_all(run, inputs, results, summary, done, workers, stop.cancelled)
        finally:  # what is done when it is stopped is listed, too
            if options.summary and summary:
                rows = [summary[k] for k in sorted(summary)]
                write_summary(Path(options.summary), rows, run.about)
    return results.close()


def _in_one_file(
    options: argparse.Namespace, run: PredictRun, inputs: list[Input], stop: StopRequest
) -> int:
    """Segment one image block by block, or a time series frame by frame, into a file or store."""
    from napari_spatial_embeddings.inference.image_check import check_image
    from napari_spatial_embeddings.large.job import LargeJob, table_of
    from napari_spatial_embeddings.prediction.notes import resampling_note

    output, workers = check_output(options, [one.path for one in inputs]), workers_of(options)
    if options.summary:
        raise CallError("--summary: it lists the images of a folder of results; leave it out")
    image, model = inputs[0].read(), run.model
    frame = image.frame(0)
    check_image(model.settings, frame.data.shape, frame.data.dtype, advice=ADVICE)
    path, run = inputs[0].path, with_found_diameter(run, image)
    work = LargeJob(
        model,
        run.name,
        image,
        inputs[0].large_state(image) or inputs[0].state(),
        output,
        run.clustering,
        run.prediction,
        run.blocks,
        table_of(output) if options.table else None,
        path,
    )
    job = BlockJob(work, path, options.json, inputs[0].apart().read, workers)
    if image.frames is not None:
        with stop.signals():
            return _series(run, job, inputs[0], stop)
    if note := resampling_note(model, image, run.prediction):
        sys.stderr.write(f"{note}\n")
    return predict_in_blocks(job)


def _series(run: PredictRun, job: BlockJob, given: Input, stop: StopRequest) -> int:
    """Segment a time series frame by frame, into a file or store."""
    from napari_spatial_embeddings.large.unfinished import unfinished
    from napari_spatial_embeddings.prediction.done import DoneImages
    from napari_spatial_embeddings.prediction.outputs import OneFile

    work = job.work
    outputs = OneFile(
        None,
        maps=run.outputs.maps,
        labels=work.output,
        objects=work.table,
        image=work.host,
    )
    run, results = (
        replace(run, outputs=outputs),
        ResultWriter(outputs, [given], as_json=job.as_json),
    )
    with (
        unfinished(work.beside, note_kept) as folder,
        job.workers.connected(run.name) as workers,
    ):
        note_workers(workers, results.say)
        done = DoneImages(folder, run.facts)
        predict_all(run, [given], results, {}, done, workers, stop.cancelled)
    return results.close()


def _model_and_output(
    options: argparse.Namespace, project: Project | None
) -> tuple[str, Path | None]:
    """Return the name or folder of the model, and the folder for the results, if there is one."""
    if options.labels is not None:
        _check_labels_flag(options)
    if project is None:
        if not (options.input and options.model and (options.output or options.labels)):
            raise CallError(
                "predict: give INPUT, --model, --output (or --labels), or a --project;"
                " 'predict --help' explains"
            )
        return options.model, Path(options.output) if options.output else None
    for given in READING:
        if getattr(options, given) is not None and not options.input:
            raise CallError(
                f"--{given.replace('_', '-')}: the project's images have theirs; leave it out"
            )
    own = str(project.model_folder) if project.has_model else project.card.start
    name = options.model or own
    if not name:
        raise CallError(
            f"{project.folder} has no model yet; train one with 'train --project', or name a"
            " --model"
        )
    return name, Path(options.output or project.results_folder)


def _checked_frames(options: argparse.Namespace) -> list[int] | None:
    """Return the frames that are wanted, each once, in order; None for all."""
    frames: list[int] | None = options.frames
    if frames is None:
        return None
    if min(frames) < 0:
        raise CallError(f"--frames: they are counted from 0, so there is no {min(frames)}")
    if options.labels:
        raise CallError("--frames: labels in images are those of all frames; leave --labels out")
    return sorted(set(frames))


def _check_labels_flag(options: argparse.Namespace) -> None:
    """Refuse what does not go with labels that are written into the images."""
    name = options.labels
    if not name or name.startswith(".") or any(c in name for c in "/\\"):
        raise CallError(f"--labels: '{name}' is no name; expected one such as nuclei")
    if options.project:
        raise CallError("--labels: a project keeps its results in its folder; leave it out")
    if is_one_file(options.output):
        raise CallError("--labels: --output names the place of the labels already; leave one out")
    if options.ome:
        raise CallError("--ome: labels in images are OME-Zarr; leave --ome or --labels out")
    given = {name: getattr(options, name) for name in ("table", "maps", "panels", "format")}
    if not options.output and (flag := next((f"--{name}" for name in given if given[name]), "")):
        raise CallError(f"{flag}: name a folder for it with --output")

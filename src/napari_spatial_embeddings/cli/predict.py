"""``predict``: label images, and tables and maps if asked for, of images."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.units import METRES

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
from .predict_blocks import TILE, BlockJob, check_output, is_one_file, predict_in_blocks, size

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings
    from napari_spatial_embeddings.inference.segmentation import SegmentationReport
    from napari_spatial_embeddings.project import Project

OWN = dict.fromkeys(ClusteringSettings.model_fields, "the model's")
"""Where the defaults of the clustering's flags come from."""

CLUSTERED = 1.6
"""Memory of a clustering with its maps, relative to that of the maps."""

READING = ("axes", "channels", "grey", "pixel_size", "unit")
"""Flags about files, which a project's images do not need."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("predict", help="segment images with a model")
    parser.description = (
        "Segment images; each one's labels land as NAME.tif in the output folder. One image of any"
        " size is segmented block by block if the output is a file."
    )
    text = "Images, or folders of images; all of the project's if none is given."
    parser.add_argument("input", nargs="*", metavar="INPUT", help=text)
    parser.add_argument(
        "--project",
        metavar="DIR",
        help="A project's folder: images, model and settings are its own, unless others are given.",
    )
    text = "The model; the project's if not given."
    parser.add_argument("--model", metavar="NAME_OR_DIR", help=text)
    text = (
        "Folder for the results; the project's folder 'results' if not given. For one image of any"
        " size, a file: NAME.tif, NAME.ome.tif, NAME.zarr, or IMAGE.zarr/labels/NAME."
    )
    parser.add_argument("--output", metavar="PATH", help=text)
    add_output_flags(parser)
    parser.add_argument("--maps", action="store_true", help="Write the maps too: NAME.maps.zarr.")
    add_axes_flag(parser)
    add_channels_flag(parser)
    add_grey_flag(parser)
    add_pixel_size_flag(parser)
    parser.add_argument(
        "--unit",
        choices=tuple(METRES),
        help="Unit of --pixel-size; what is given without one are ratios.",
    )
    add_flags(parser, ClusteringSettings, title="clustering", defaults=OWN)
    add_flags(parser, PredictionSettings, title="prediction")
    add_flags(parser, BlockSettings, title="blocks, where the output is a file")
    parser.set_defaults(run=predict)


def predict(options: argparse.Namespace) -> int:
    """Segment images and write the results."""
    from tqdm import tqdm

    from napari_spatial_embeddings.inference.devices import choose_device
    from napari_spatial_embeddings.inference.registry import find_model
    from napari_spatial_embeddings.inference.segmentation import SegmentationJob, segment_images
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
    inputs = _inputs(options.input, ImageReader.of(options), project)
    if is_one_file(options.output):
        return _in_blocks(options, model, name, inputs, clustering, prediction)
    results = ResultWriter(
        output,
        [(one.name, one.path) for one in inputs],
        table=options.table,
        ome=options.ome,
        as_json=options.json,
    )
    results.check_apart()
    about: dict[str, Any] = {"model": name, "clustering": clustering.model_dump()}
    jobs = [
        SegmentationJob(str(one.path), one.name, one.read, advice=ADVICE if options.input else "")
        for one in inputs
    ]
    silent = True if options.json else None  # None: a bar on a terminal, and nowhere else
    with (
        tqdm(total=len(jobs), disable=silent, unit="image") as images,
        tqdm(disable=silent, unit="tile", leave=False) as tiles,
    ):
        for report in segment_images(model, name, jobs, clustering, prediction):
            one = inputs[report.index]
            tiles.n, tiles.total = report.done, report.total
            tiles.set_description(one.name)
            if report.error is not None:
                results.skip(one.path, report.error)
            elif report.result is not None:
                _write(results, one.name, report, about, maps=options.maps)
            elif report.image is not None and not report.total:
                _note_resampling(model, report.image, prediction)
                _note_memory(model, report.image)
            images.update(report.finished)
    return results.close()


def _in_blocks(
    options: argparse.Namespace,
    model: SpatialEmbeddings,
    name: str,
    inputs: list[_Input],
    clustering: ClusteringSettings,
    prediction: PredictionSettings,
) -> int:
    """Segment one image block by block."""
    from napari_spatial_embeddings.inference.block_segmentation import in_blocks
    from napari_spatial_embeddings.inference.image_check import check_image

    output = check_output(options, len(inputs))
    blocks = read_flags(vars(options), BlockSettings())
    image = inputs[0].read()
    check_image(model.settings, image.data.shape, image.data.dtype, advice=ADVICE)
    edge = TILE if model.settings.ndim == 2 and "tile" not in vars(options) else None
    tiles = in_blocks(prediction, model, edge)
    _note_resampling(model, image, prediction)
    job = BlockJob(
        model,
        name,
        image,
        inputs[0].path,
        output,
        clustering,
        tiles,
        blocks,
        options.table,
        options.json,
    )
    return predict_in_blocks(job)


def _write(
    results: ResultWriter,
    name: str,
    report: SegmentationReport,
    about: dict[str, Any],
    *,
    maps: bool,
) -> None:
    from napari_spatial_embeddings.export.maps import write_maps

    image, found = report.image, report.result
    assert image is not None
    assert found is not None
    size, unit = image.pixel_size, image.unit
    if maps:
        write_maps(results.folder / f"{name}.maps.zarr", found.maps, size, unit, found.card)
    spacing = found.maps.spacing
    results.write(name, found.instances, found.classes, spacing, size, unit, about, image.data)


def _note_resampling(
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
        sys.stderr.write(
            f"{image.name}: needs about {size(CLUSTERED * maps)} of memory, and"
            f" {size(free_memory())} are free; with a file as --output, such as NAME.zarr, it is"
            " segmented block by block\n"
        )


def _model_and_output(options: argparse.Namespace, project: Project | None) -> tuple[str, Path]:
    """Return the name or folder of the model, and the folder for the results."""
    if project is None:
        if not (options.input and options.model and options.output):
            raise CallError(
                "predict: give INPUT, --model, --output, or a --project; 'predict --help' explains"
            )
        return options.model, Path(options.output)
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


@dataclass(frozen=True, slots=True)
class _Input:
    """An image to be read when its turn comes; its results have its name."""

    name: str
    path: Path
    read: Callable[[], ImageData]


def _inputs(given: list[str], reader: ImageReader, project: Project | None) -> list[_Input]:
    """List the images of files and folders; if none are given, those of the project."""
    from napari_spatial_embeddings.files import find_images, stem

    if given or project is None:
        paths = find_images(given)
        return [_Input(stem(path), path, partial(reader.read, path)) for path in paths]
    names = project.card.result_names
    found = [
        _Input(names[entry.key], project.folder / entry.path, partial(project.image, entry.key))
        for entry in project.card.images
    ]
    if not found:
        raise CallError(f"{project.folder} has no images yet; add some, or name files")
    return found

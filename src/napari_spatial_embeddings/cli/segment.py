"""``predict`` and ``cluster``: images or maps in; labels, maps and tables out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings, PredictionSettings
from napari_spatial_embeddings.errors import InputError

from .flags import CallError, needs_all, read_flags
from .input_check import check_kind, suited

if TYPE_CHECKING:
    from napari_spatial_embeddings.files import StoredMaps
    from napari_spatial_embeddings.project import Project


def predict(options: argparse.Namespace) -> int:
    """``predict``: images in; labels, and maps and tables if asked for, out."""
    from tqdm import tqdm

    from napari_spatial_embeddings.core.clustering import cluster as recover
    from napari_spatial_embeddings.export.maps import write_maps
    from napari_spatial_embeddings.export.objects import objects_table, write_objects
    from napari_spatial_embeddings.inference.devices import choose_device
    from napari_spatial_embeddings.inference.registry import find_model
    from napari_spatial_embeddings.project import Project

    from .output import Results
    from .predict_inputs import images

    project = Project.open(options.project) if options.project else None
    name, output = _model_and_output(options, project)
    model = find_model(name)
    # What was tuned in a project was tuned for its own model.
    tuned = project.card.clustering if project and not options.model else None
    clustering = read_flags(options, tuned or model.clustering)
    own = PredictionSettings()
    if project:
        own = project.card.prediction.updated(device=project.card.device)
    prediction = read_flags(options, own)
    choose_device(prediction.device)
    inputs = images(options.input, options.axes, project)
    results = Results(options, output, [(one.name, one.path) for one in inputs])
    results.check_apart()
    about = {"model": name, "clustering": clustering.model_dump()}
    silent = True if options.json else None  # None: a bar on a terminal, and nowhere else
    for one in tqdm(inputs, disable=silent, unit="image"):
        try:
            image = one.read()
            check_kind(model, image.data)
            how, spacing = suited(model, image, prediction)
            with tqdm(desc=one.name, unit="tile", leave=False, disable=silent) as bar:
                for step in model.predicting(image.data, how, spacing=spacing):
                    bar.total = step.total
                    bar.update(step.done - bar.n)
        except InputError as error:
            results.fail(one.path, error)
            continue
        maps, size, unit = step.maps, image.pixel_size, image.unit
        if options.maps:
            write_maps(results.output / f"{one.name}.maps.zarr", maps, size, unit, model.card())
        found = recover(maps, clustering)
        if options.table:
            names = model.settings.classes
            table = objects_table(found, names, image.data, size, unit, maps.spacing)
            write_objects(results.output / f"{one.name}.csv", table)
        results.write(one.name, found, size, unit, about)
    return results.close()


def _model_and_output(options: argparse.Namespace, project: Project | None) -> tuple[str, Path]:
    """Return the name or folder of the model, and the folder for the results."""
    if project is None:
        needs_all(options, ("input", "model", "output"), "predict")
        return options.model, Path(options.output)
    if options.axes and not options.input:
        raise CallError("--axes: the project tells that; leave it out")
    own = str(project.model_folder) if project.has_model else project.card.start
    name = options.model or own
    if not name:
        raise CallError(
            f"{project.folder} has no model yet; train one with 'train --project', or name a"
            " --model"
        )
    return name, Path(options.output or project.results_folder)


def cluster(options: argparse.Namespace) -> int:
    """``cluster``: maps in; labels, and tables if asked for, out."""
    from napari_spatial_embeddings.core.clustering import cluster as recover
    from napari_spatial_embeddings.export.objects import objects_table, write_objects
    from napari_spatial_embeddings.files import read_maps, stem

    from .output import Results

    read_flags(options, ClusteringSettings())
    paths = _find_maps(options.maps)
    results = Results(options, Path(options.output), [(stem(path), path) for path in paths])
    for path in paths:
        try:
            saved = read_maps(path)
            own, names = _known(saved)
        except InputError as error:
            results.fail(path, error)
            continue
        settings = read_flags(options, own)
        found = recover(saved.maps, settings)
        size, unit = saved.pixel_size, saved.unit
        if options.table:
            table = objects_table(found, names, None, size, unit, saved.maps.spacing)
            write_objects(results.output / f"{saved.name}.csv", table)
        results.write(saved.name, found, size, unit, {"clustering": settings.model_dump()})
    return results.close()


def _find_maps(given: list[str]) -> list[Path]:
    """List folders of maps; of a folder that holds such folders, those."""
    found: dict[Path, None] = {}
    for path in map(Path, given):
        inside = sorted(path.glob("*.maps.zarr"))
        if path.is_dir() and path.suffix != ".zarr" and not inside:
            raise CallError(
                f"{path} holds no maps; expected folders NAME.maps.zarr, as from predict --maps"
            )
        found.update(dict.fromkeys(inside or [path]))
    return list(found)


def _known(saved: StoredMaps) -> tuple[ClusteringSettings, tuple[str, ...]]:
    """Return the thresholds and the classes of the model that predicted the maps."""
    count = len(saved.maps.seed)
    if not saved.model:
        return ClusteringSettings(), tuple(f"class {k}" for k in range(1, count + 1))
    try:
        settings = ClusteringSettings.model_validate(saved.model["clustering"])
        classes = ModelSettings.model_validate(saved.model["model"]).classes
    except (KeyError, TypeError, ValidationError) as error:
        raise InputError(
            "what is told about the model is damaged; write the maps again with predict --maps"
        ) from error
    if len(classes) != count:
        raise InputError(f"it has {count} seed maps for the classes {', '.join(classes)}")
    return settings, classes

"""``predict`` and ``cluster``: images or maps in; labels, maps and tables out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings, PredictionSettings
from napari_spatial_embeddings.errors import InputError

from .flags import CallError, read_flags
from .suits import check_kind, suited

if TYPE_CHECKING:
    from napari_spatial_embeddings.files import StoredMaps


def predict(options: argparse.Namespace) -> int:
    """``predict``: images in; labels, and maps and tables if asked for, out."""
    from tqdm import tqdm

    from napari_spatial_embeddings.clustering import cluster as recover
    from napari_spatial_embeddings.export.maps import write_maps
    from napari_spatial_embeddings.export.objects import objects_table, write_objects
    from napari_spatial_embeddings.files import find_images, read_image
    from napari_spatial_embeddings.model import choose_device
    from napari_spatial_embeddings.registry import find_model

    from .results import Results

    model = find_model(options.model)
    clustering = read_flags(options, model.clustering)
    prediction = read_flags(options, PredictionSettings())
    choose_device(prediction.device)
    paths = find_images(options.input)
    results = Results(options, paths)
    results.check_apart()
    about = {"model": str(options.model), "clustering": clustering.model_dump()}
    silent = True if options.json else None  # None: a bar on a terminal, and nowhere else
    for path in tqdm(paths, disable=silent, unit="image"):
        try:
            image = read_image(path, options.axes)
            check_kind(model, image.data)
            how, spacing = suited(model, image, prediction)
            with tqdm(desc=image.name, unit="tile", leave=False, disable=silent) as bar:
                for step in model.predicting(image.data, how, spacing=spacing):
                    bar.total = step.total
                    bar.update(step.done - bar.n)
        except InputError as error:
            results.fail(path, error)
            continue
        maps, size, unit = step.maps, image.pixel_size, image.unit
        if options.maps:
            write_maps(results.output / f"{image.name}.maps.zarr", maps, size, unit, model.card())
        found = recover(maps, clustering)
        if options.table:
            names = model.settings.classes
            table = objects_table(found, names, image.data, size, unit, maps.spacing)
            write_objects(results.output / f"{image.name}.csv", table)
        results.write(image.name, found, size, unit, about)
    return results.close()


def cluster(options: argparse.Namespace) -> int:
    """``cluster``: maps in; labels, and tables if asked for, out."""
    from napari_spatial_embeddings.clustering import cluster as recover
    from napari_spatial_embeddings.export.objects import objects_table, write_objects
    from napari_spatial_embeddings.files import read_maps

    from .results import Results

    read_flags(options, ClusteringSettings())
    paths = _find_maps(options.maps)
    results = Results(options, paths)
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

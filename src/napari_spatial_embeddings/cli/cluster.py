"""``cluster``: label images, and tables if asked for, of saved maps."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.errors import InputError

from .compiling import compiling_noted
from .flags import CallError, Subparsers, add_flags, read_flags
from .output import ResultWriter, add_output_flags
from .predict import OWN

if TYPE_CHECKING:
    from napari_spatial_embeddings.files import StoredMaps


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    text = "recover instances from saved maps: no network, no GPU"
    parser = subparsers.add_parser("cluster", help=text)
    parser.description = "Recover the instances of maps that 'predict --maps' wrote."
    text = "Folders named NAME.maps.zarr, or folders of these."
    parser.add_argument("maps", nargs="+", metavar="MAPS", help=text)
    parser.add_argument("--output", required=True, metavar="DIR", help="Folder for the results.")
    add_output_flags(parser)
    add_flags(parser, ClusteringSettings, title="clustering", defaults=OWN)
    parser.set_defaults(run=cluster)


def cluster(options: argparse.Namespace) -> int:
    """Cluster maps and write the results."""
    from napari_spatial_embeddings.core.clustering import cluster as instances_of
    from napari_spatial_embeddings.export import Segmented
    from napari_spatial_embeddings.export.places import check_place
    from napari_spatial_embeddings.export.record import check_table
    from napari_spatial_embeddings.files import read_maps, stem
    from napari_spatial_embeddings.prediction.inputs import Input
    from napari_spatial_embeddings.prediction.outputs import Outputs

    flags = vars(options)
    read_flags(flags, ClusteringSettings())  # before any file is read
    paths = _find_maps(options.maps)
    outputs = Outputs(Path(options.output), options.table, options.ome)
    results = ResultWriter(
        outputs, [Input(stem(path), path) for path in paths], as_json=options.json
    )
    for one in results.inputs:
        try:
            saved = read_maps(one.path)
            own, classes = _model_facts(saved)
            check_place(outputs.labels_path(one))
            if (table := outputs.table_path(one)) is not None:
                check_table(table)
        except InputError as error:
            results.skip(one, error)
            continue
        settings = read_flags(flags, own)
        with compiling_noted():
            found = instances_of(saved.maps, settings)
        how = {"clustering": settings.model_dump(mode="json"), "corrected": 0}
        about = {**saved.made, **how, "maps": one.path.name}
        where = None, saved.pixel_size, saved.unit
        made = Segmented(one.name, found, classes, saved.maps, *where, about, saved.model)
        for _ in outputs.write(one, made):
            pass
        results.wrote(outputs.labels_path(one), len(found))
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


def _model_facts(
    saved: StoredMaps,
) -> tuple[ClusteringSettings, tuple[str, ...]]:
    """Return thresholds and classes of the model that predicted the maps; check its card."""
    from napari_spatial_embeddings.core.quality.calibration import of_card

    count = len(saved.maps.seed)
    if not saved.model:
        return ClusteringSettings(), tuple(f"class {k}" for k in range(1, count + 1))
    try:
        settings = ClusteringSettings.model_validate(saved.model["clustering"])
        classes = ModelSettings.model_validate(saved.model["model"]).classes
        of_card(saved.model)
    except (KeyError, TypeError, ValidationError) as error:
        raise InputError(
            "the card of the model in it is damaged; write the maps again with predict --maps"
        ) from error
    if len(classes) != count:
        raise InputError(f"it has {count} seed maps for the classes {', '.join(classes)}")
    return settings, classes

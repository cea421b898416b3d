"""Readers of what we write: project folders, and maps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.annotation import LayerTuple, contents, position

Reader = Callable[[object], list[LayerTuple]]

NOTHING: list[LayerTuple] = [(None,)]  # type: ignore[list-item]
"""How a reader says that it read, and has no layer to show."""


def reader(path: str | list[str]) -> Reader | None:
    """Return what reads a path; None if it is neither a project nor maps."""
    at = Path(path[0] if isinstance(path, list) else path)
    if at.name == "project.json" or (at / "project.json").is_file():
        return lambda _: read_project(at)
    if at.name.endswith(".maps.zarr"):
        return lambda _: read_maps(at)
    return None


def read_project(path: Path) -> list[LayerTuple]:
    """Open a project in the dock widget of the current window, which adds the layers.

    Without a window, the layers are returned: those of the first image that is there.

    Raises
    ------
    InputError, Failure
        If the project cannot be read.
    """
    import napari

    from napari_spatial_embeddings.project import MissingImage, Project

    project = Project.open(path)
    viewer = napari.current_viewer()
    if viewer is not None:
        _, widget = viewer.window.add_plugin_dock_widget(_layers.KEY, "Spatial Embeddings")
        widget.workspace.storage.open(project.folder)
        return NOTHING
    for entry in project.card.images:
        with suppress(MissingImage):
            return contents(project, entry.key)
    return NOTHING


def read_maps(path: Path) -> list[LayerTuple]:
    """Read maps as layers: a seed map for each class, offsets as colours, and margins.

    Raises
    ------
    InputError
        If they cannot be read.
    """
    from napari_spatial_embeddings.files.maps import read_maps as read_stored
    from napari_spatial_embeddings.plugin.layers.map_images import panels

    stored = read_stored(path)
    size, unit = stored.pixel_size, stored.unit
    shown = panels(stored.maps, min(size) if size else 1.0)
    place = position(size, unit)
    told = (stored.model.get("model") or {}).get("classes") or ()
    count = len(stored.maps.seed)
    classes = told if len(told) == count else [str(k + 1) for k in range(count)]

    def layer(role: str, title: str, data: object, **look: object) -> LayerTuple:
        own = {"role": role, "image": None}
        name = f"{stored.name} · {title}"
        return data, {"name": name, "metadata": {_layers.KEY: own}, **look, **place}, "image"

    seeds = [
        layer(
            "seed",
            "seed" if count == 1 else f"seed {name}",
            seed,
            colormap="magma",
            contrast_limits=(0, 1),
        )
        for name, seed in zip(classes, stored.maps.seed, strict=True)
    ]
    return [
        layer("offsets", "offsets", shown.offsets, rgb=True, visible=False),
        layer("margin", "margin", shown.margin, colormap="viridis", visible=False),
        *seeds,
    ]

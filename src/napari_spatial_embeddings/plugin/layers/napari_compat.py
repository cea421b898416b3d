"""Parts of napari without a public or stable name, in one place."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.state.open_image import Box


def camera(viewer: ViewerModel) -> Any:
    """Return the viewer's camera, which became a part of its scene in napari 0.9."""
    return getattr(viewer, "scene", viewer).camera


def canvas_size(viewer: ViewerModel) -> NDArray[np.float64]:
    """Return the canvas's height and width in screen pixels; a part of the model since 0.9."""
    canvas = getattr(viewer, "canvas", None)
    return np.array(viewer._canvas_size if canvas is None else canvas.size, float)


def world_units(viewer: ViewerModel) -> tuple[Any, ...] | None:
    """Return the viewer's unit along each axis; None if it has none, as before napari 0.9."""
    units: tuple[Any, ...] | None = getattr(viewer.layers.extent, "units", None)
    return units


@cache
def tools_convert_units() -> bool:
    """Return whether `Layer.world_to_data` takes positions in the viewer's units: not in 0.9.2."""
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((2, 2), np.uint8), units="um")
    viewer.add_labels(np.zeros((2, 2), np.uint8), units="nm")
    return world_units(viewer) is not None and bool(layer.world_to_data((1000, 1000))[0] < 2)


def hide_brush_box(viewer: ViewerModel) -> None:
    """Hide the dark square that napari 0.9 draws inside its brush, and leaves behind."""
    with suppress(AttributeError, KeyError):
        viewer.canvas.overlays._brush_circle.box = False


def clear_paint_history(layer: Labels) -> None:
    """Clear napari's own undo history: it would bring back older labels."""
    with suppress(AttributeError):
        layer._reset_history()


def draw_part(layer: Labels, box: Box) -> bool:
    """Bring a part of a layer's data to the canvas as napari does after a stroke.

    Returns
    -------
    bool
        Whether that was possible; if not, the layer is to be refreshed.
    """
    if not layer.visible or layer.ndim != 2:
        return False
    try:
        if list(layer._slice_input.displayed) != [0, 1]:
            return False
        shown = layer._slice.image.view
        shown[box] = layer.colormap._data_to_texture(layer.data[box])
        layer._accumulate_updated_slice(box)
        layer._partial_labels_refresh()
    except AttributeError:
        return False
    return True

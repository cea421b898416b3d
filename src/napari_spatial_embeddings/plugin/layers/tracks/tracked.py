"""Layers of tracked cells: labels in which a cell keeps its id, and its path with its parents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Tracks
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.layers.image import place
from napari_spatial_embeddings.plugin.layers.map_images import by_label
from napari_spatial_embeddings.plugin.layers.napari_compat import draw_thumbnail, insert
from napari_spatial_embeddings.plugin.layers.tags import LayerTag, find_layer
from napari_spatial_embeddings.plugin.layers.world import to_pixels
from napari_spatial_embeddings.plugin.state.linked_series import LinkedSeries

from .series import label_array

if TYPE_CHECKING:
    from napari_spatial_embeddings.tracking.tracks import Tracks as Linked

PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")

TAIL = 10
"""Frames over which the path of a cell is seen."""


def tracked_layer(viewer: ViewerModel, series: LinkedSeries) -> Labels | None:
    """Return the layer in which the cells of a series keep their ids, if there is one."""
    layer: Labels | None = find_layer(viewer, "tracked", "", series.key)
    return layer


def show_cells(viewer: ViewerModel, series: LinkedSeries) -> None:
    """Show the cells of a series with their ids, above the layer that was linked.

    Frames are relabelled when napari asks for them; of the layer that is there already, the frame
    in view is redrawn if cells of it have other ids.
    """
    if series.tracks is not None:
        _show_cells(viewer, series, series.tracks).features = features(series.tracks)


def remove_tracks(viewer: ViewerModel, series: LinkedSeries) -> None:
    """Remove the layers that show a series' tracks."""
    for role in ("tracks", "tracked"):
        layer = find_layer(viewer, role, "", series.key)
        if layer is not None:
            viewer.layers.remove(layer)


def _place(series: LinkedSeries) -> dict[str, Any]:
    return {name: getattr(series.layer, name) for name in PLACE}


def _show_cells(viewer: ViewerModel, series: LinkedSeries, tracks: Linked) -> Labels:
    from napari_spatial_embeddings.tracking.relabelled import RelabelledSeries

    source, layer = label_array(series.layer), tracked_layer(viewer, series)
    shown = None if layer is None else layer.data
    if layer is not None and isinstance(shown, RelabelledSeries):
        same = shown.labels is source
        before, shown.labels, shown.tracks = shown.tracks, source, tracks
        if shown.shape == source.shape:
            place(layer, _place(series))
            if not same or _changed_in_view(viewer, layer, before, tracks):
                layer.refresh(extent=False, highlight=False, thumbnail=False)
                draw_thumbnail(layer)
            return layer
    if layer is not None:
        viewer.layers.remove(layer)
    layer = Labels(
        RelabelledSeries(source, tracks),
        name=f"{series.layer.name} · tracked",
        opacity=series.layer.opacity,
        metadata=LayerTag("tracked", part=series.key).metadata(),
        **_place(series),
    )
    layer.editable = False
    insert(viewer, viewer.layers.index(series.layer) + 1, layer)
    series.layer.visible = False
    if viewer.layers.selection.active is series.layer:
        viewer.layers.selection.active = layer
    return layer


def _changed_in_view(viewer: ViewerModel, layer: Labels, before: Linked, now: Linked) -> bool:
    """Whether cells of the frame in view have other ids."""
    frame = frame_in_view(viewer, layer)
    if frame is None or before.detections is not now.detections:
        return True
    part = now.detections.of_frame(frame)
    return not np.array_equal(before.track[part], now.track[part])


def frame_in_view(viewer: ViewerModel, layer: Labels) -> int | None:
    """Return the frame of a series that the viewer shows; None if it shows several at once."""
    if viewer.dims.ndim - layer.ndim in viewer.dims.displayed:
        return None
    return round(float(to_pixels(viewer, layer, viewer.dims.point)[0]))


def features(tracks: Linked) -> dict[str, Any]:
    """Return the properties of the tracks, as columns for a Labels layer."""
    spans = np.array(tracks.spans(), np.int64).reshape(-1, 4)
    ids, first, last, parent = spans.T
    table = {"index": ids, "track": ids, "parent": parent, "start": first, "end": last}
    return by_label(table)


def path_table(tracks: Linked) -> NDArray[np.float64]:
    """Return the objects as napari has tracks: (N, 2 + D) of id, frame and index of the centre."""
    found = tracks.detections
    order = np.lexsort((found.frame, tracks.track))
    index = found.centre / np.array(found.spacing)
    return np.column_stack([tracks.track, found.frame, index])[order]


def show_paths(viewer: ViewerModel, series: LinkedSeries) -> None:
    """Show where the cells of a series came from, and which descend from which."""
    tracks, cells = series.tracks, tracked_layer(viewer, series)
    layer = find_layer(viewer, "tracks", "", series.key)
    if tracks is None or cells is None:
        return
    if not len(tracks.detections):  # napari makes no layer of no tracks
        if layer is not None:
            viewer.layers.remove(layer)
        return
    graph = {child: [parent] for child, parent in tracks.parents.items()}
    if layer is not None:
        layer.data = path_table(tracks)
        layer.graph = graph  # the data have emptied it
        place(layer, _place(series))
        return
    layer = Tracks(
        path_table(tracks),
        graph=graph,
        name=f"{series.layer.name} · tracks",
        tail_length=TAIL,
        metadata=LayerTag("tracks", part=series.key).metadata(),
        colormaps_dict={"track_id": cells.colormap},
        **_place(series),
    )
    insert(viewer, viewer.layers.index(cells) + 1, layer)

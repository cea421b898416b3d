"""Layers that show the results of the open images."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer
from superqt.utils import QSignalDebouncer

from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.core.units import finest_length, symbol
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session

from .frames import empty_labels, pixels
from .image import pixel_size, place, transform
from .labels_update import copied, update_labels
from .map_images import MapImages, features, map_images
from .napari_compat import draw_thumbnail, insert
from .series_maps import SeriesMaps
from .tags import LayerTag, Role, find_layer, image_key, role_of, tag_of, tagged, update_tag

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation

OPACITY = 0.5
"""Of the instances when they are first shown: the image stays visible below them."""

TABLE_DELAY_MS = 200
"""Milliseconds without a change after which tables follow: they cost as much as the drawing."""

ROLES: tuple[Role, ...] = ("offsets", "margin", "seed", "instances")
"""From the lowest layer to the highest."""

Maps = dict[str, tuple[EmbeddingMaps, float]]
"""By image: maps of which images are made, and the size of a pixel of the finest axis."""


class ResultLayers(QObject):
    """Shows the session's results as layers above their image.

    Layers are found by their tags and changed in place, so that what the user set (whether they are
    visible, their contrast, their place in the list) stays. One that was deleted comes back when
    there is something new to show in it.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
        Of its images, ``shown`` is set here.
    """

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._queued: Maps = {}
        self._to_show: deque[tuple[str, EmbeddingMaps, Callable[[], None]]] = deque()
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.timeout.connect(self._show_next)
        self._stale_tables: set[str] = set()
        self._table_pause = QSignalDebouncer(parent=self)
        self._table_pause.setTimeout(TABLE_DELAY_MS)
        self._table_pause.triggered.connect(self._update_tables)
        self._worker = LatestWorker(_make_images, self)
        self._worker.done.connect(self._show_map_images)
        self._worker.failed.connect(self._fail)
        self._connections = Connections()
        self._connections.add(session.result_changed, self._follow_result)
        self._connections.add(session.partial_changed, self._follow_partial)
        self._connections.add(session.image_changed, self._follow_image)

    def close(self) -> None:
        """Disconnect from the session, and drop what is under way."""
        self._connections.close()
        self._table_pause.cancel()
        self._next.stop()
        self._to_show.clear()
        self._stale_tables.clear()
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether anything is still to be shown."""
        return self._worker.busy or bool(self._to_show) or bool(self._stale_tables)

    # ------------------------------------------------------------- following

    def _follow_result(self, key: str) -> None:
        image = self._session.images[key]
        old, new = image.shown, image.result
        image.shown = new
        if new is None:
            return
        self._show_instances(image, new)
        if image.in_view and (old is None or new.maps is not old.maps):
            self._queued[key] = (new.maps, self._pixel_size(key)[0])
            self._worker.request(dict(self._queued))

    def _follow_image(self) -> None:
        """Bring the table of the objects to the frame of a series that is in view now."""
        image = self._session.current
        if image is not None and image.series is not None:
            self._stale_tables.add(image.key)
            self._table_pause.throttle()

    def _follow_partial(self, key: str) -> None:
        image, layer = self._session.images[key], self._instances_layer(key)
        if layer is None or image.partial is None or image.result is None:
            return
        if image.in_view and _fits(layer, image.result):
            update_labels(layer, image.partial.labels, image.partial.box)

    def _show_seeds(self, key: str, maps: EmbeddingMaps, _new: MapImages) -> None:
        classes = self._session.results[key].classes
        count = len(classes)
        for layer in tagged(self._viewer, "seed", self._session.images[key].layers_key):
            tag = tag_of(layer)
            if tag is not None and int(tag.part) >= count:
                self._viewer.layers.remove(layer)
        look = {"colormap": "magma", "contrast_limits": (0, 1), "visible": False}
        for index, name in enumerate(classes):
            title = "seed" if count == 1 else f"seed {name}"
            seed = self._of_all_frames(key, maps.seed[index], partial(_seed, index))
            self._show(key, "seed", title, seed, look, str(index))

    def _show_map_images(self, request: Maps, images: dict[str, MapImages]) -> None:
        for key, (maps, _) in request.items():
            if self._queued.get(key, (None,))[0] is maps:
                del self._queued[key]
            for show in (self._show_seeds, self._show_offsets, self._show_margin):
                self._to_show.append((key, maps, partial(show, key, maps, images[key])))
        self._next.start(0)

    def _show_next(self) -> None:
        """Show one of the maps; the window gets its turn before the next one."""
        key, maps, show = self._to_show.popleft()
        result = self._session.results.get(key)
        if result is not None and result.maps is maps:
            show()
        if self._to_show:
            self._next.start(0)

    def _of_all_frames(
        self, key: str, image: NDArray[Any], make: Callable[[EmbeddingMaps], NDArray[Any]]
    ) -> NDArray[Any] | SeriesMaps:
        """Return the image of a map; of a frame, those of all frames of its series."""
        series = self._session.images[key].series
        if series is None:
            return image
        return SeriesMaps(series, image.shape, image.dtype, make)

    def _show_offsets(self, key: str, _maps: EmbeddingMaps, new: MapImages) -> None:
        offsets = self._of_all_frames(key, new.offsets, lambda maps: map_images(maps).offsets)
        self._show(key, "offsets", "offsets", offsets, {"visible": False, "rgb": True})

    def _show_margin(self, key: str, _maps: EmbeddingMaps, new: MapImages) -> None:
        size, unit = self._pixel_size(key)
        title = f"margin ({unit})"
        margin = self._of_all_frames(key, new.margin, lambda maps: map_images(maps, size).margin)
        limits, span = (0.0, new.highest), (0.0, max(new.highest, new.largest))
        # napari looks through all pixels for limits that it is not given.
        look = {"colormap": "viridis", "visible": False, "contrast_limits": limits}
        layer = self._show(key, "margin", title, margin, look)
        # The range follows the maps until the user chooses another one.
        tag = tag_of(layer)
        before = None if tag is None else tag.limits
        if before is None or np.allclose(before, layer.contrast_limits):
            layer.contrast_limits_range = span
            layer.contrast_limits = limits
            update_tag(layer, limits=limits)

    def _show_instances(self, image: OpenImage, result: Segmentation) -> None:
        labels, key = result.instances.labels, image.layers_key
        layer = self._instances_layer(key)
        if layer is None or not _fits(layer, result) or layer.data.dtype != np.int32:
            made = copied(labels)
            if (series := image.series) is not None:
                made = empty_labels((series.frames, *labels.shape))
                made[image.frame] = np.maximum(labels, 0)
            layer = self._show(key, "instances", "instances", made, {"opacity": OPACITY})
            if image.in_view:
                layer.features = features(result)
        elif image.in_view:
            update_labels(layer, labels)
            self._stale_tables.add(key)
            self._table_pause.throttle()
        else:
            np.maximum(labels, 0, out=layer.data[image.frame])
        update_tag(layer, record=ref(image))  # File > Save writes what belongs to its result

    def _update_tables(self) -> None:
        """Bring the tables and the layer list's thumbnails up to date."""
        stale, self._stale_tables = self._stale_tables, set()
        for key in stale:
            layer, result = self._instances_layer(key), self._session.results.get(key)
            if layer is not None:
                layer.features = {} if result is None else features(result)
                draw_thumbnail(layer)

    def _fail(self, problem: str) -> None:
        self._queued.clear()
        self._session.say(problem, "error")

    # ----------------------------------------------------------------- layers

    def _instances_layer(self, key: str) -> Labels | None:
        layer = find_layer(self._viewer, "instances", key)
        return layer if isinstance(layer, Labels) else None

    def _show(
        self,
        key: str,
        role: Role,
        title: str,
        data: NDArray[Any] | SeriesMaps,
        look: dict[str, Any],
        part: str = "",
    ) -> Any:
        """Show data in the layer of a role and part; in a new one if there is none that fits."""
        image = self._session.images[key]
        key = image.layers_key  # another frame may be in view by now
        layer = find_layer(self._viewer, role, key, part)
        frame = None if image.series is None else image.series.frame
        where = transform(self._viewer, key, frames=frame is not None)
        if layer is not None and layer.ndim != data.ndim - (role == "offsets"):
            self._viewer.layers.remove(layer)
            layer = None
        if layer is not None:
            layer.data = data
            place(layer, where)
            return layer
        name = f"{image.layer.name} · {title}"
        kind = Labels if role == "instances" else Image
        tag = LayerTag(role, key, frame, part=part)
        layer = kind(data, name=name, metadata=tag.metadata(), **look, **where)
        insert(self._viewer, self._index_above(key, role), layer)
        return layer

    def _index_above(self, key: str, role: Role) -> int:
        """Return where in the list a layer belongs: above the image and the maps below it."""
        below = {"image", *ROLES[: ROLES.index(role) + 1]}
        at = [
            index
            for index, layer in enumerate(self._viewer.layers)
            if image_key(layer) == key and role_of(layer) in below
        ]
        return at[-1] + 1 if at else len(self._viewer.layers)

    def _pixel_size(self, key: str) -> tuple[float, str]:
        """Return the size of a pixel of the finest axis, and its unit; pixels if unknown."""
        layer = self._session.images[key].layer
        tag = tag_of(layer)
        size, unit = (None, None) if tag is None else pixel_size(layer, tag.axes)
        finest = finest_length(size)
        return (finest, symbol(unit)) if finest and unit else (1.0, "px")


def _fits(layer: Labels, result: Segmentation) -> bool:
    return bool(pixels(layer).shape == result.maps.shape)


def _seed(index: int, maps: EmbeddingMaps) -> NDArray[np.float32]:
    seed: NDArray[np.float32] = maps.seed[index]
    return seed


def _make_images(maps: Maps) -> dict[str, MapImages]:
    return {key: map_images(these, size) for key, (these, size) in maps.items()}

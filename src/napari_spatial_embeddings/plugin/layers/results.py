"""What was predicted, as layers: kept equal to the session's results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from napari_spatial_embeddings.core.units import symbol
from napari_spatial_embeddings.plugin.qt.workers import Latest
from napari_spatial_embeddings.plugin.session import Result

from . import tags as _layers
from .labels_update import redraw
from .map_images import Panels, features, panels
from .viewport import Box

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.maps import EmbeddingMaps
    from napari_spatial_embeddings.plugin.controllers.workspace import Workspace

OPACITY = 0.5
"""Of the instances when they are first shown: the image stays visible below them."""

REST = 200
"""Milliseconds without a change after which tables follow: they cost as much as the picture."""

ROLES = ("offsets", "margin", "seed", "instances")
"""From the lowest layer to the highest."""

Job = dict[str, tuple["EmbeddingMaps", float]]


class ResultLayers(QObject):
    """Shows the session's results as layers above their image.

    Layers are found by their metadata and changed in place, so that what a person set (whether they
    are visible, their contrast, their place in the list) stays. One that was deleted comes back
    when there is something new to show in it.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._workspace, self._session = workspace, workspace.session
        self._shown: dict[str, Result] = {}
        self._pending: Job = {}
        self._late: set[str] = set()
        self._tidying = QTimer(self)
        self._tidying.setSingleShot(True)
        self._tidying.setInterval(REST)
        self._tidying.timeout.connect(self._tidy)
        self._painter = Latest(_paint, self)
        self._painter.done.connect(self._painted)
        self._painter.failed.connect(lambda problem: self._session.say(problem, "error"))
        self._session.result_changed.connect(self._follow)

    def close_down(self) -> None:
        """Stop following."""
        self._session.result_changed.disconnect(self._follow)
        self._tidying.stop()
        self._painter.close()

    @property
    def busy(self) -> bool:
        """Whether anything is still to be shown."""
        return self._painter.busy or self._tidying.isActive()

    def instances_layer(self, key: str | None) -> Labels | None:
        """Return the layer of an image's instances, if it is there."""
        layer = None if key is None else _layers.find(self._workspace.viewer, "instances", key)
        return layer if isinstance(layer, Labels) else None

    def preview(self, key: str, box: Box, labels: NDArray[np.int32]) -> None:
        """Show other labels in a part of an image, until its result changes."""
        layer = self.instances_layer(key)
        result = self._session.results.get(key)
        if layer is not None and result is not None and layer.data.shape == result.maps.shape:
            redraw(layer, labels, box)

    # ------------------------------------------------------------- following

    def _follow(self, key: str) -> None:
        new, old = self._session.results.get(key), self._shown.get(key)
        if new is None:
            self._shown.pop(key, None)
            return
        self._shown[key] = new
        if old is None or new.maps is not old.maps:
            self._show_seeds(key, new)
            self._pending[key] = (new.maps, self._pixel(key)[0])
            self._painter.request(dict(self._pending))
        if new.instances is not None and (old is None or new.instances is not old.instances):
            self._show_instances(key, new)

    def _show_seeds(self, key: str, result: Result) -> None:
        count = len(result.classes)
        for layer in _layers.ours(self._workspace.viewer, "seed", key):
            if layer.metadata[_layers.KEY]["class"] >= count:
                self._workspace.viewer.layers.remove(layer)
        for index, name in enumerate(result.classes):
            title = "seed" if count == 1 else f"seed {name}"
            look = {"colormap": "magma", "contrast_limits": (0, 1), "visible": False}
            self._put(key, "seed", title, result.maps.seed[index], look, **{"class": index})

    def _painted(self, request: Job, painted: dict[str, Panels]) -> None:
        for key, (maps, _) in request.items():
            if self._pending.get(key, (None,))[0] is maps:
                del self._pending[key]
            result = self._session.results.get(key)
            if result is not None and result.maps is maps:
                self._show_panels(key, painted[key])

    def _show_panels(self, key: str, new: Panels) -> None:
        unit = self._pixel(key)[1]
        self._put(key, "offsets", "offsets", new.offsets, {"visible": False, "rgb": True})
        look = {"colormap": "viridis", "visible": False}
        title = f"margin ({unit})"
        layer = self._put(key, "margin", title, new.margin, look)
        # The range follows the maps until a person chooses another one.
        limits = [0.0, new.highest]
        before = layer.metadata[_layers.KEY].get("limits")
        if before is None or np.allclose(before, layer.contrast_limits):
            layer.contrast_limits_range = (0.0, max(new.highest, float(new.margin.max())))
            layer.contrast_limits = limits
            _layers.mark(layer, limits=limits)

    def _show_instances(self, key: str, result: Result) -> None:
        assert result.instances is not None
        labels = result.instances.labels
        layer = self.instances_layer(key)
        if layer is not None and layer.data.shape == labels.shape and layer.data.dtype == np.int32:
            redraw(layer, labels)
            self._late.add(key)
            self._tidying.start()
        else:
            look = {"opacity": OPACITY}
            layer = self._put(key, "instances", "instances", labels.copy(), look)
            layer.features = features(result)

    def _tidy(self) -> None:
        """Bring the tables and the layer list's small pictures up to date."""
        late, self._late = self._late, set()
        for key in late:
            layer, result = self.instances_layer(key), self._session.results.get(key)
            if layer is not None and result is not None and result.instances is not None:
                layer.features = features(result)
                layer.refresh(extent=False, highlight=False)

    # ----------------------------------------------------------------- layers

    def _put(
        self,
        key: str,
        role: str,
        title: str,
        data: NDArray[Any],
        look: dict[str, Any],
        **facts: Any,
    ) -> Any:
        """Show data in our layer of a role, a new one if there is none that fits."""
        viewer = self._workspace.viewer
        layer = _layers.find(viewer, role, key, **facts)
        place = self._workspace.place(key)
        ndim = data.ndim - (role == "offsets")
        if layer is not None and layer.ndim != ndim:
            viewer.layers.remove(layer)
            layer = None
        if layer is not None:
            layer.data = data
            for name, value in place.items():
                if name not in ("units", "axis_labels"):
                    setattr(layer, name, value)
            return layer
        image = _layers.find(viewer, "image", key)
        name = f"{image.name if image is not None else 'image'} · {title}"
        mark = {_layers.KEY: {"role": role, "image": key, **facts}}
        kind = Labels if role == "instances" else Image
        layer = kind(data, name=name, metadata=mark, **look, **place)
        selected = set(viewer.layers.selection)
        viewer.layers.insert(self._above(key, role), layer)
        if selected:
            viewer.layers.selection = selected
        return layer

    def _above(self, key: str, role: str) -> int:
        """Return where in the list a layer belongs: above the image and the maps below it."""
        below = {"image", *ROLES[: ROLES.index(role) + 1]}
        at = [
            index
            for index, layer in enumerate(self._workspace.viewer.layers)
            if _layers.image_key(layer) == key and _layers.role(layer) in below
        ]
        return at[-1] + 1 if at else len(self._workspace.viewer.layers)

    def _pixel(self, key: str) -> tuple[float, str]:
        """Return the size of a pixel of the finest axis, and its unit: "px" if nobody knows it."""
        layer: Layer | None = _layers.find(self._workspace.viewer, "image", key)
        if layer is None:
            return 1.0, "px"
        size, unit = _layers.pixel_size(layer, layer.metadata[_layers.KEY]["axes"])
        if size is None or unit is None:
            return 1.0, "px"
        return min(size), symbol(unit)


def _paint(job: Job) -> dict[str, Panels]:
    return {key: panels(maps, size) for key, (maps, size) in job.items()}

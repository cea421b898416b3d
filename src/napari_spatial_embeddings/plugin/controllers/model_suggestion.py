"""The shipped model that suits an image, suggested until the user chooses another one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_spatial_embeddings.core.image_data import in_memory
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.registry import find_folder, shipped, start_models, suiting
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import Series
from napari_spatial_embeddings.plugin.state.session import Session

from .images import ImageController
from .suitability import takes

MAX_DARK_MEDIAN = 0.2
"""Highest place of the median between the darkest and the brightest pixels of bright objects on
dark ground: in fluorescence it is far below, in phase contrast and stained tissue above."""

SAMPLE_EDGE, BLOCK_EDGE = 256, 512
"""Pixels along an edge that are looked at: of those all over a plane, and of a block of it."""

Look = tuple[str | None, Any, bool, int]
"""Key of an image, its data, whether they are RGB, and -1 if they are inverted, else 1."""


class ModelSuggestion(QObject):
    """Chooses a shipped model when an image is chosen that has none, or one that cannot take it.

    What the user chose stays as long as it can take the image, and a project's own model always.

    Parameters
    ----------
    session : Session
    images : ImageController
    """

    def __init__(
        self, session: Session, images: ImageController, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._images = session, images
        self._suggested: str | None = None
        self._series: Series | None = None
        self._worker = LatestWorker(_looks_dark, self)
        self._worker.done.connect(self._looked)
        self._worker.failed.connect(lambda problem: session.say(problem, "error"))
        self._connections = Connections()
        self._connections.add(session.image_changed, self._suggest)
        self._suggest()  # an image that was open before the plugin

    def close(self) -> None:
        """Disconnect from the session."""
        self._connections.close()
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether pixels are being read."""
        return self._worker.busy

    def _suggest(self) -> None:
        layer, before, self._series = self._images.layer, self._series, self._images.series
        if layer is None or self._wanted() is None:
            return
        if before is not None and before is self._series and self._session.model is not None:
            return  # one model for all frames
        data = layer.data[-1] if layer.multiscale else layer.data
        sign = -1 if self._images.grey == "inverted" else 1
        if in_memory(data):
            self._choose(dark=is_dark(sign * sampled_plane(data, layer.rgb)))
        else:  # to read from it may take a while
            self._worker.request((self._session.image, data, layer.rgb, sign))

    def _looked(self, request: Look, dark: bool) -> None:
        if self._session.image == request[0]:
            self._choose(dark=dark)

    def _wanted(self) -> tuple[int, int] | None:
        """Return the kind of image that a model is to be suggested for, if one is."""
        session = self._session
        if session.training.active:
            return None
        try:
            channels, ndim = self._images.kind()
        except InputError:
            return None
        card = shipped().get(session.model or "")
        suits = card is None or takes(card, channels, ndim)
        return None if suits and session.model not in (None, self._suggested) else (channels, ndim)

    def _choose(self, *, dark: bool) -> None:
        session, kind = self._session, self._wanted()
        if kind is None:
            return
        channels, ndim = kind
        how = {"dark": dark, "colours": self._images.colours}
        model = next(iter(suiting(ndim, channels, **how)), None)
        start = next(iter(start_models(ndim, channels, **how)), None)
        if (model, start) == (session.model, session.start):
            return
        project = session.project
        opened = session.model is None and project is not None and project.card.clustering
        self._suggested = model
        # The sliders of a project that was opened stay as they were saved.
        card = None if model is None or opened else ModelCard.read(find_folder(model))
        session.set_model(model, None if card is None else card.clustering, start)


def _looks_dark(request: Look) -> bool:
    _, data, rgb, sign = request
    return is_dark(sign * central_block(data, rgb))


def sampled_plane(data: Any, rgb: bool) -> NDArray[np.float32]:
    """Return pixels that are spread over the middle plane of an array (..., Y, X[, C])."""
    middle, (height, width) = _middle(data, rgb)
    step = max(1, round(max(height, width) / SAMPLE_EDGE))
    return np.asarray(data[(*middle, slice(None, None, step), slice(None, None, step))], np.float32)


def central_block(data: Any, rgb: bool) -> NDArray[np.float32]:
    """Return the pixels in the middle of an array (..., Y, X[, C]), which lie in few chunks."""
    middle, size = _middle(data, rgb)
    block = tuple(slice(max(0, (n - BLOCK_EDGE) // 2), (n + BLOCK_EDGE) // 2) for n in size)
    return np.asarray(data[middle + block], np.float32)


def _middle(data: Any, rgb: bool) -> tuple[tuple[int, ...], tuple[int, int]]:
    *outer, height, width = data.shape[:-1] if rgb else data.shape
    return tuple(n // 2 for n in outer), (height, width)


def is_dark(pixels: NDArray[np.float32]) -> bool:
    """Return whether pixels show bright objects on dark ground."""
    pixels = pixels[np.isfinite(pixels)]
    if not pixels.size:
        return False
    low, median, high = np.percentile(pixels, (1, 50, 99.8))
    return bool(median - low <= MAX_DARK_MEDIAN * (high - low))

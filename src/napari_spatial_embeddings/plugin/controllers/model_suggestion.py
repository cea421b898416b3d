"""The shipped model that suits an image, for those who have not chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.registry import find_folder, shipped, suiting

from .training_readiness import kind

if TYPE_CHECKING:
    from .workspace import Workspace

DARK = 0.2
"""Where the median lies between the darkest and the brightest pixels of bright objects on dark
ground, at most: in fluorescence it is far below, in phase contrast and stained tissue above."""

SIDE = 512
"""Pixels along an edge that are looked at, at most."""


class Suggestion(QObject):
    """Chooses a shipped model when an image is chosen that has none, or one that cannot take it.

    What a person chose stays as long as it can take the image, and a project's own model always.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._workspace, self._session = workspace, workspace.session
        self._suggested: str | None = None
        self._session.image_changed.connect(self._suggest)
        self._suggest()  # an image that was open before the plugin

    def close_down(self) -> None:
        """Let go of the session."""
        self._session.image_changed.disconnect(self._suggest)

    def _suggest(self) -> None:
        session, layer = self._session, self._workspace.layer
        if layer is None or session.training.active:
            return
        try:
            channels, ndim = kind(self._workspace)
        except InputError:
            return
        if session.model not in (None, self._suggested) and not _unfit(
            str(session.model), ndim, channels
        ):
            return
        project = session.project
        opened = session.model is None and project is not None and project.card.clustering
        names = suiting(ndim, channels, dark=dark(layer))
        model = names[0] if names else None
        if model == session.model:
            return
        self._suggested = model
        # The sliders of a project that was opened are as somebody left them.
        card = None if model is None or opened else ModelCard.read(find_folder(model))
        session.set_model(model, None if card is None else card.clustering)


def _unfit(model: str, ndim: int, channels: int) -> bool:
    """Tell whether a model is a shipped one that cannot take an image of a kind."""
    return model in shipped() and model not in suiting(ndim, channels)


def dark(layer: Image) -> bool:
    """Tell whether an image shows bright objects on dark ground."""
    data = layer.data[-1] if layer.multiscale else layer.data
    colours = layer.rgb
    height, width = data.shape[-3:-1] if colours else data.shape[-2:]
    step = max(1, round(max(height, width) / SIDE))
    plane = (slice(None, None, step),) * 2 + (slice(None),) * colours
    middle = tuple(n // 2 for n in data.shape[: -len(plane)])
    pixels = np.asarray(data[middle + plane], np.float32)
    pixels = pixels[np.isfinite(pixels)]
    if not pixels.size:
        return False
    low, median, high = np.percentile(pixels, (1, 50, 99.8))
    return bool(median - low <= DARK * (high - low))

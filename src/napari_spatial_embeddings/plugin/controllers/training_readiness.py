"""Whether a training can start, and if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.text import plural

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.model_card import ModelCard

    from .workspace import Workspace


def obstacle(workspace: Workspace, card: ModelCard | None) -> str:
    """Return what keeps a training from starting, as a sentence; "" if nothing does.

    Parameters
    ----------
    workspace : Workspace
    card : ModelCard, optional
        Of the model to start from; None for a fresh one.
    """
    if workspace.session.image is None:
        return "There is no image yet: open one, and choose it under Data."
    try:
        channels, ndim = kind(workspace)
    except InputError as error:
        return str(error)
    if card is not None and (card.settings.ndim, card.settings.in_channels) != (ndim, channels):
        model, image = _kind(card.settings.ndim, card.settings.in_channels), _kind(ndim, channels)
        return (
            f"The model to start from takes {model}, this is {image}: start from a fresh model, or"
            " choose another image or other channels under Data."
        )
    if not annotated(workspace):
        return "Nothing is annotated yet: draw some objects under Annotate."
    return ""


def kind(workspace: Workspace) -> tuple[int, int]:
    """Return the number of channels and of spatial axes of the current image.

    Raises
    ------
    InputError
        If its layer is gone.
    """
    layer = workspace.layer
    if layer is None:
        raise InputError("The image's layer is gone: open it again, and choose it under Data.")
    facts = layer.metadata[_layers.KEY]
    axes = facts["axes"]
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    channels = 3 if layer.rgb else shape[axes.index("C")] if "C" in axes else 1
    return channels + len(facts.get("channels", [])), 3 if "Z" in axes else 2


def annotated(workspace: Workspace) -> bool:
    """Whether anything is drawn on any image of the project."""
    layers = list(_layers.ours(workspace.viewer, "annotations"))
    if any((layer.data > 0).any() for layer in layers):
        return True
    shown = {_layers.image_key(layer) for layer in layers}
    project = workspace.session.project
    if project is None:
        return False
    keys = {entry.key for entry in project.card.images} - shown
    return any((project.folder / "annotations" / f"{key}.tif").exists() for key in keys)


def _kind(ndim: int, channels: int) -> str:
    what = "an image" if ndim == 2 else "a volume"
    return f"{what} with {plural(channels, 'channel')}"

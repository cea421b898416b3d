"""Suitability of a model for an image, and what will work where it is missing."""

from __future__ import annotations

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.registry import suiting

from .images import ImageController

GREY = (
    "choose grey beside Colours, under Data, or grey, inverted where objects are dark on bright"
    " ground"
)


def takes(card: ModelCard, channels: int, ndim: int) -> bool:
    """Return whether a model takes images with these numbers of channels and spatial axes."""
    return (card.settings.in_channels, card.settings.ndim) == (channels, ndim)


def misfit(card: ModelCard, images: ImageController, model: str, otherwise: str) -> str:
    """Return why a model cannot take the current image, and what will work; empty if it can.

    Parameters
    ----------
    card : ModelCard
    images : ImageController
    model : str
        What the sentence calls the model.
    otherwise : str
        What works with any image.
    """
    try:
        channels, ndim = images.kind()
    except InputError as error:
        return sentence(str(error))
    if takes(card, channels, ndim):
        return ""
    wanted, layer = card.settings.in_channels, images.layer
    ways = []
    if card.settings.ndim == ndim and wanted == 1 and layer is not None and layer.rgb:
        ways.append(GREY)
    elif card.settings.ndim == ndim and wanted < channels:
        ways.append("split it with Split Stack in the layer's menu, and choose one channel")
    elif names := suiting(ndim, channels):
        ways.append(f"choose the model {names[0]}")
    what = f"{kind(wanted, card.settings.ndim)}, this is {kind(channels, ndim)}"
    return f"{model} takes {what}: {', or '.join([*ways, otherwise])}."


def kind(channels: int, ndim: int) -> str:
    """Return a kind of image in words."""
    return f"{'an image' if ndim == 2 else 'a volume'} with {plural(channels, 'channel')}"


def sentence(problem: str) -> str:
    """Return a problem with a full stop."""
    return problem if problem.endswith(".") else f"{problem}."

"""Suitability of a model for an image, and what will work where it is missing."""

from __future__ import annotations

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.registry import start_models, suiting

from .images import ImageController

GREY = (
    "choose grey beside Colours, under Data, or grey, inverted where objects are dark on bright"
    " ground"
)


def takes(card: ModelCard, channels: int, ndim: int) -> bool:
    """Return whether a model takes images with these numbers of channels and spatial axes."""
    return (card.settings.in_channels, card.settings.ndim) == (channels, ndim)


def misfit(card: ModelCard, images: ImageController) -> str:
    """Return why a model cannot predict the current image, and what will work; empty if it can."""
    try:
        channels, ndim = images.kind()
    except InputError as error:
        return sentence(str(error))
    if takes(card, channels, ndim):
        return ""
    wanted, layer = card.settings.in_channels, images.layer
    names = suiting(ndim, channels, colours=images.colours)
    ways = [f"choose the model {name}" for name in names[:1]]
    if card.settings.ndim == ndim and wanted == 1 and layer is not None and layer.rgb:
        ways.append("grey beside Colours, under Data" if ways else GREY)
    elif card.settings.ndim == ndim and wanted < channels and not ways:
        ways.append("split it with Split Stack in the layer's menu, and choose one channel")
    ways.append(f"train one from {'it' if card.settings.ndim == ndim else 'scratch'}")
    what = f"{kind(wanted, card.settings.ndim)}, this is {kind(channels, ndim)}"
    return f"This model takes {what}: {', or '.join(ways)}."


def start_misfit(card: ModelCard, images: ImageController) -> str:
    """Return why no training on the current image can start from a model; empty if one can."""
    try:
        channels, ndim = images.kind()
    except InputError as error:
        return sentence(str(error))
    if card.settings.ndim == ndim:
        return ""
    names = start_models(ndim, channels, colours=images.colours)
    ways = [*(f"choose {name}" for name in names[:1]), "start from scratch"]
    takes_, has = ("images" if n == 2 else "volumes" for n in (card.settings.ndim, ndim))
    return f"The start model takes {takes_}, and these are {has}: {', or '.join(ways)}."


def carrying(card: ModelCard, images: ImageController) -> str:
    """Return how a start model is fitted to the current image's channels; empty if it need not."""
    try:
        channels, _ = images.kind()
    except InputError:
        return ""
    own = card.settings.in_channels
    if channels == own:
        return ""
    return (
        f"The start model knows {plural(own, 'channel')}; its first layer is carried over to the"
        f" {channels} of this image."
    )


def kind(channels: int, ndim: int) -> str:
    """Return a kind of image in words."""
    return f"{'an image' if ndim == 2 else 'a volume'} with {plural(channels, 'channel')}"


def sentence(problem: str) -> str:
    """Return a problem with a full stop."""
    return problem if problem.endswith(".") else f"{problem}."

"""Registry of the models that have a name: the shipped ones, and those that were imported."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.system.file_hash import file_hash

from .library import SHIPPED, imported
from .model_card import CARD, WEIGHTS, ModelCard, ModelError, check_folder, parsed

if TYPE_CHECKING:
    from .model import SpatialEmbeddings

log = logging.getLogger(__name__)

FOLDER = SHIPPED


def shipped() -> dict[str, ModelCard]:
    """Return the cards of the shipped models by name; a damaged one is logged and left out."""
    cards = {}
    for path in _cards():
        try:
            cards[path.parent.name] = _read(path, path.stat().st_mtime_ns)
        except (ModelError, OSError) as error:
            log.warning("%s; install napari-spatial-embeddings again", error)
    return cards


def suiting(ndim: int, in_channels: int, *, dark: bool = False, colours: bool = False) -> list[str]:
    """Return the names of the shipped models for a kind of image, the most suitable first.

    Parameters
    ----------
    ndim, in_channels : int
        Of the image.
    dark : bool
        Whether it shows bright objects on dark ground, as the training images of nuclei do.
    colours : bool
        Whether its channels are red, green and blue; models of stained tissue suit no others.
    """
    stained = colours and not dark
    names = [
        name
        for name, card in shipped().items()
        if (card.settings.ndim, card.settings.in_channels) == (ndim, in_channels)
        and (stained or not card.colours)
    ]
    return sorted(names, key=lambda name: name.startswith("nuclei") != dark)


def start_models(
    ndim: int, in_channels: int, *, dark: bool = False, colours: bool = False
) -> list[str]:
    """Return the names of the shipped models that a training can start from, the best first.

    Where none takes these channels, these are models of one channel, which can be carried over.
    Parameters as of `suiting`.
    """
    fitting = suiting(ndim, in_channels, dark=dark, colours=colours)
    return fitting or suiting(ndim, 1, dark=dark)


def _cards() -> list[Path]:
    return sorted(FOLDER.glob(f"*/{CARD}"))


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> ModelCard:  # noqa: ARG001 - read again once changed
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}") from error
    return ModelCard.checked(path.parent, parsed(text, path))


def find_folder(name: str | Path) -> Path:
    """Return the folder of a model: its own, or that of a shipped or an imported model's name.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    path = Path(name)
    if path.is_dir():
        return path
    names = [path.parent.name for path in _cards()]
    if str(name) in names:
        return FOLDER / str(name)
    others = imported()
    if str(name) in others:
        return others[str(name)]
    known = f"the shipped models are: {', '.join(names)}" if names else "no models are shipped"
    known += f"; the imported ones are: {', '.join(others)}" if others else ""
    raise ModelError(f"there is no model '{name}': it is no folder, and {known}")


def find_model(name: str | Path) -> SpatialEmbeddings:
    """Load a model by its folder, or by the name of a shipped or an imported one.

    Raises
    ------
    ModelError
        If there is no such model, or it cannot be loaded.
    """
    from .model import SpatialEmbeddings  # torch is slow to load

    return SpatialEmbeddings.load(find_folder(name))


def made_by(model: str, card: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the name of a model, and the hash of its weights' file if it is the same still.

    Parameters
    ----------
    model : str
        Its folder, or its name.
    card : mapping, optional
        That which it had when it was used: a model that was trained on has another one.
    """
    made: dict[str, Any] = {"model": model}
    try:
        folder = find_folder(model)
        now = json.loads(json.dumps(ModelCard.read(folder).facts()))
        if card is None or now == json.loads(json.dumps(card)):
            made["model_sha256"] = file_hash(folder / WEIGHTS)
    except (InputError, OSError):
        pass  # it was moved or deleted since
    return made


class ModelCache:
    """Loads models, and keeps the last one while its weights stay as they are."""

    def __init__(self) -> None:
        # One attribute, so that two threads at worst load a model twice.
        self._last: tuple[tuple[Path, int], SpatialEmbeddings] | None = None

    def load(self, name: str | Path) -> SpatialEmbeddings:
        """Return a model by its folder or name; slow if it is not the one loaded last.

        Raises
        ------
        ModelError
            If there is no such model, or it cannot be loaded.
        """
        folder = find_folder(name)
        check_folder(folder)
        weights = folder / WEIGHTS
        key = weights, weights.stat().st_mtime_ns
        if self._last is None or self._last[0] != key:
            self._last = key, find_model(folder)
        return self._last[1]

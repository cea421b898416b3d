"""The models that come with the package, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .model_card import CARD, ModelError

if TYPE_CHECKING:
    from .model import SpatialEmbeddings

FOLDER = Path(__file__).parent / "models"


def shipped() -> dict[str, dict[str, Any]]:
    """Return the cards of the shipped models by name."""
    cards = sorted(FOLDER.glob(f"*/{CARD}"))
    return {card.parent.name: json.loads(card.read_text("utf-8")) for card in cards}


def find_folder(name: str | Path) -> Path:
    """Return the folder of a model: its own, or that of a shipped model's name.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    path = Path(name)
    if path.is_dir():
        return path
    names = list(shipped())
    if str(name) in names:
        return FOLDER / str(name)
    known = f"the shipped models are: {', '.join(names)}" if names else "no models are shipped"
    raise ModelError(f"there is no model '{name}': it is no folder, and {known}")


def find_model(name: str | Path) -> SpatialEmbeddings:
    """Load a model by its folder, or by the name of a shipped one.

    Raises
    ------
    ModelError
        If there is no such model, or it cannot be loaded.
    """
    from .model import SpatialEmbeddings  # torch is slow to load

    return SpatialEmbeddings.load(find_folder(name))

"""The models that come with the package, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .model import CARD, ModelError, SpatialEmbeddings

FOLDER = Path(__file__).parent / "models"


def shipped() -> dict[str, dict[str, Any]]:
    """Return the cards of the shipped models by name."""
    cards = sorted(FOLDER.glob(f"*/{CARD}"))
    return {card.parent.name: json.loads(card.read_text("utf-8")) for card in cards}


def find_model(name: str | Path) -> SpatialEmbeddings:
    """Load a model by its folder, or by the name of a shipped one.

    Raises
    ------
    ModelError
        If there is no such model, or it cannot be loaded.
    """
    path = Path(name)
    if path.is_dir():
        return SpatialEmbeddings.load(path)
    names = list(shipped())
    if str(name) in names:
        return SpatialEmbeddings.load(FOLDER / str(name))
    known = f"the shipped models are: {', '.join(names)}" if names else "no models are shipped"
    raise ModelError(f"there is no model '{name}': it is no folder, and {known}")

"""A model's card: everything but its weights, read without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.config import (
    ClusteringSettings,
    ModelSettings,
    Positive,
    Settings,
    first_error,
)
from napari_spatial_embeddings.core.quality.calibration import Calibration, of_card
from napari_spatial_embeddings.core.units import Lengths, length
from napari_spatial_embeddings.errors import InputError

SCHEMA = 5
WEIGHTS, CARD = "model.safetensors", "model.json"
CHECKPOINT = "checkpoint.safetensors"
"""Beside them: the whole state of the training that made the model, to go on with it."""


class ModelError(InputError):
    """A model that cannot be loaded or does not fit the image; the message gives the reason."""


class Places(Settings):
    """Where the objects are that a model was trained with; see `training.places`.

    The place of an object is the index of a pixel in the middle of it, in its image, and a CRC-32
    of the pixels there: D + 1 numbers.
    """

    learned: list[list[int]] = Field([], description="Those it has learned from, in any training.")
    held_out: list[list[int]] = Field([], description="Those that its last training held out.")


class _Measures(Settings):
    """What a card holds besides settings and calibration."""

    pixel_size: tuple[Positive | None, ...] | None
    unit: str | None
    image_diameter: Positive | None
    history: list[dict[str, Any]]
    about: dict[str, Any]
    places: Places | None

    @field_validator("history")
    @classmethod
    def _scores_are_numbers(cls, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not all(isinstance(row.get("ap50"), int | float | None) for row in rows):
            raise ValueError("ap50 must be a number")
        return rows


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model without its weights; see `model.SpatialEmbeddings`."""

    settings: ModelSettings
    clustering: ClusteringSettings
    pixel_size: Lengths | None = None
    unit: str | None = None
    image_diameter: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    places: Places | None = None

    @property
    def diameter(self) -> float:
        """Typical diameter in pixels of the objects in the images that the model is meant for."""
        return self.image_diameter or self.settings.working_diameter

    @property
    def colours(self) -> bool:
        """Whether its channels are red, green and blue, by what is written about it."""
        return self.about.get("colours") is True

    def diameter_at(self, pixel_size: Lengths | None, unit: str | None) -> float | None:
        """Return the diameter in pixels of the model's objects, seen at another pixel size.

        None where either pixel size, or the length of its unit, is unknown.
        """
        own = length(self.pixel_size, self.unit)
        other = length(pixel_size, unit)
        return self.diameter * own / other if own and other else None

    def facts(self) -> dict[str, Any]:
        """Return the card as JSON."""
        known = self.calibration
        return {
            "schema": SCHEMA,
            "version": __version__,
            "model": self.settings.model_dump(mode="json"),
            "clustering": self.clustering.model_dump(mode="json"),
            "pixel_size": self.pixel_size,
            "unit": self.unit,
            "image_diameter": self.image_diameter,
            "history": self.history,
            "about": self.about,
            "calibration": None if known is None else known.model_dump(mode="json"),
            "places": self.places and self.places.model_dump(),
        }

    @classmethod
    def read(cls, folder: str | Path) -> ModelCard:
        """Read the card of a model's folder: that in the header of its weights.

        Raises
        ------
        ModelError
            If there is no model, or it is damaged, or from a newer version.
        """
        from safetensors import SafetensorError, safe_open

        weights = Path(folder) / WEIGHTS
        check_folder(folder)
        try:
            with safe_open(weights, framework="np") as file:
                card = (file.metadata() or {}).get("card", "null")
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{weights} is damaged: {error}") from error
        return cls.checked(folder, parsed(card, weights))

    @classmethod
    def checked(cls, folder: str | Path, facts: Any) -> ModelCard:
        """Return the card of parsed JSON.

        Raises
        ------
        ModelError
            If it is none, does not fit together, or is from a newer version.
        """
        if not isinstance(facts, dict) or not isinstance(facts.get("schema"), int):
            raise ModelError(f"{Path(folder) / WEIGHTS} was not written by this program")
        if facts["schema"] > SCHEMA:
            raise ModelError(
                f"{folder} was written by a newer version ({facts.get('version')}); this is"
                f" {__version__}: upgrade napari-spatial-embeddings"
            )
        try:
            settings = dict(facts["model"])
            if facts["schema"] < 3:  # blocks had two
                settings.setdefault("convolutions", 2)
            measures = _Measures.model_validate(
                {
                    "pixel_size": facts["pixel_size"] or None,
                    "image_diameter": facts.get("image_diameter") or None,  # schema 1 had none
                    "places": facts.get("places"),  # before schema 5 there were none
                    **{name: facts[name] for name in ("unit", "history", "about")},
                }
            )
            card = cls(
                ModelSettings.model_validate(settings),
                clustering=ClusteringSettings.model_validate(facts["clustering"]),
                calibration=of_card(facts),  # before schema 4 there was none
                **dict(measures),
            )
            if card.pixel_size and len(card.pixel_size) != card.settings.ndim:
                raise ValueError(f"the pixel size must have {card.settings.ndim} values")
            return card
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelError(f"{folder} does not fit together: {reason(error)}") from error


def parsed(card: str, path: Path) -> Any:
    """Parse the JSON of a card.

    Raises
    ------
    ModelError
        If it is damaged; ``path`` is its file.
    """
    try:
        return json.loads(card)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {error}") from error


def check_folder(folder: str | Path) -> None:
    """Refuse a folder that holds no model: no weights, whose header has the card as well.

    Raises
    ------
    ModelError
    """
    if not (Path(folder) / WEIGHTS).is_file():
        raise ModelError(f"{folder} is no model: it has no {WEIGHTS}")


def reason(error: Exception) -> str:
    """Return the first line that matters of an error of pydantic or torch."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    if isinstance(error, ValidationError):
        return first_error(error)
    headline, *details = str(error).splitlines()
    return details[0].strip() if details else headline

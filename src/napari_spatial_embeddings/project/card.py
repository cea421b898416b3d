"""The project's card, ``project.json``: all of it but the pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.config import (
    BACKGROUND,
    FOUND,
    ClusteringSettings,
    ModelSettings,
    Positive,
    PredictionSettings,
    Settings,
    TrackingSettings,
    TrainingSettings,
    first_error,
)
from napari_spatial_embeddings.files import distinct
from napari_spatial_embeddings.files.errors import reading, writing
from napari_spatial_embeddings.system.atomic import write_atomically

from .errors import ProjectError

SCHEMA = 5
CARD = "project.json"


class ImageEntry(Settings):
    """One image of a project: its file, how to read it, and its fingerprint."""

    key: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(\.t\d{4,})?$",
        description="Name of the image's files in the project.",
    )
    name: str = Field(description="The image's name on the screen.")
    path: str = Field(
        min_length=1,
        description="The image's file: absolute, or relative to the project's folder.",
    )
    axes: str | None = Field(None, description="Meaning of the file's axes, if the user chose it.")
    frame: int | None = Field(
        None, ge=0, description="Which frame of the file the image is, from 0; null if it has none."
    )
    window: tuple[tuple[int, int], ...] | None = Field(
        None,
        min_length=2,
        max_length=3,
        description="Where the image starts and stops along each axis of a large image in the file;"
        " null if it is all of it.",
    )
    scene: int | None = Field(
        None, ge=0, description="Which image of a file that holds several, from 0; null if one."
    )
    well: str = Field("", description="Well of the plate that the image is a field of.")
    channels: tuple[int, ...] | None = Field(
        None, min_length=1, description="Channels of the file that are used; all if not given."
    )
    shape: tuple[int, ...] | None = Field(
        None,
        min_length=3,
        max_length=4,
        description="Channels and pixels along each axis; unknown until the file is read.",
    )
    dtype: str | None = Field(None, description="Type of the pixels' values.")
    pixel_size: tuple[Positive | None, ...] | None = Field(
        None, description="Size of a pixel along each axis; null along an axis of unknown size."
    )
    unit: str | None = Field(None, description="Unit of the pixel size.")
    fingerprint: str | None = Field(None, description="Digest of some of the pixels.")
    predicted: bool = Field(
        False, description="Whether the image's objects were found when it was last open."
    )

    @property
    def spatial(self) -> tuple[int, ...]:
        """The shape without the channels; empty until the file is read."""
        return (self.shape or ())[1:]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        values, axes = len(self.pixel_size or ()), len(self.spatial)
        if self.pixel_size is not None and self.shape is not None and values != axes:
            raise ValueError(f"the pixel size has {values} values for {axes} axes")
        if any(not 0 <= start < stop for start, stop in self.window or ()):
            raise ValueError(f"the window {self.window} holds no pixel")
        return self


class ProjectCard(Settings):
    """The project's settings and list of images. Frozen: `Project.update` replaces it."""

    renamed: ClassVar[dict[str, str]] = {"fresh": "from_scratch"}

    classes: tuple[str, ...] = Field(
        ("object",), min_length=1, description="Names of the object classes."
    )
    unlabelled: Literal["background", "ignore"] = Field(
        "ignore",
        description="What unlabelled pixels are: background, or unknown outside regions.",
    )
    start: str | None = Field(
        None, description="Model to start from: a folder, or the name of a shipped one."
    )
    from_scratch: dict[str, bool | int | float] = Field(
        {}, description="Chosen settings of a model from scratch, by name."
    )
    training: TrainingSettings = Field(TrainingSettings(), description="How models are trained.")
    clustering: ClusteringSettings | None = Field(
        None, description="How instances are recovered; as suits the model if not given."
    )
    prediction: PredictionSettings = Field(
        PredictionSettings(), description="How the network is run over an image."
    )
    tracking: TrackingSettings = Field(
        TrackingSettings(), description="How objects are linked over time."
    )
    device: str = Field(
        "auto",
        min_length=2,
        description="Where models are trained and run: auto, cpu, cuda, cuda:1, mps.",
    )
    images: tuple[ImageEntry, ...] = Field((), description="The images, in the order of adding.")

    @field_validator("from_scratch")
    @classmethod
    def _of_a_model(cls, settings: dict[str, Any]) -> dict[str, Any]:
        if found := [name for name in FOUND if name in settings]:
            raise ValueError(f"{found[0]} is known from the images and the annotations")
        try:
            ModelSettings.model_validate(settings)
        except ValidationError as error:
            raise ValueError(first_error(error)) from error
        return settings

    def find(self, key: str) -> ImageEntry | None:
        """Return the entry of an image; None if there is none of this key."""
        return next((entry for entry in self.images if entry.key == key), None)

    @property
    def result_names(self) -> dict[str, str]:
        """Names of the files that are exported of each image, by its key: the image's name."""
        names = distinct(entry.name for entry in self.images)
        return {entry.key: name for entry, name in zip(self.images, names, strict=True)}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.classes)) != len(self.classes) or not all(self.classes):
            raise ValueError(f"class names must differ: {', '.join(self.classes)}")
        if BACKGROUND in self.classes:
            raise ValueError(f"'{BACKGROUND}' is no class of objects")
        keys = [entry.key.casefold() for entry in self.images]
        if len(set(keys)) != len(keys):
            raise ValueError("two images have the same key")
        return self


def write_card(folder: Path, card: ProjectCard) -> None:
    """Write a project's card atomically.

    Raises
    ------
    FileError, Failure
        If it cannot be written.
    """
    facts = {"schema": SCHEMA, "version": __version__, **card.model_dump(mode="json")}
    with writing(folder / CARD):
        write_atomically(folder / CARD, json.dumps(facts, indent=1, allow_nan=False).encode())


def read_card(folder: Path) -> ProjectCard:
    """Read a project's card.

    Raises
    ------
    ProjectError
        If the folder is not a project, or from a newer version.
    FileError
        If the card is damaged or may not be read.
    """
    path = folder / CARD
    if not folder.is_dir():
        raise ProjectError(f"there is no folder {folder}")
    with reading(folder):
        if not path.exists():
            raise ProjectError(f"{folder} is not a project: it has no {CARD}")
    with reading(path):
        facts: Any = json.loads(path.read_text("utf-8"))
    if not isinstance(facts, dict) or not isinstance(facts.get("schema"), int):
        raise ProjectError(f"{path} was not written by this program")
    version = facts.pop("version", "?")
    if (schema := facts.pop("schema")) > SCHEMA:
        raise ProjectError(
            f"{folder} was written by a newer version ({version}); this is {__version__}: upgrade"
            " napari-spatial-embeddings"
        )
    try:
        if schema < 2:
            facts = _of_schema_1(facts)
        return ProjectCard.model_validate(facts)
    except (TypeError, ValueError) as error:
        raise ProjectError(f"{path} is damaged (schema {schema}): {_reason(error)}") from error


def _of_schema_1(facts: dict[str, Any]) -> dict[str, Any]:
    """Return a card as schema 2 has it.

    Schema 1 kept the device in two places, and the size of scribbled objects among the settings of
    prediction, or among those of a model from scratch.
    """
    from_scratch = dict(facts.pop("fresh", None) or {})
    training, prediction = dict(facts.get("training") or {}), dict(facts.get("prediction") or {})
    facts["device"] = training.pop("device", "auto")
    prediction.pop("device", None)
    size = from_scratch.pop("object_diameter", None) or prediction.get("object_diameter")
    if size is not None:
        training.setdefault("object_diameter", size)
    changed = {"from_scratch": from_scratch, "training": training, "prediction": prediction}
    return {**facts, **changed}


def _reason(error: Exception) -> str:
    return first_error(error) if isinstance(error, ValidationError) else str(error)

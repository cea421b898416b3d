"""The project's folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_spatial_embeddings.config import first_error
from napari_spatial_embeddings.core.image_data import ImageData, PixelArray
from napari_spatial_embeddings.files import Position, read_image, stem
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.names import new_key, series_key
from napari_spatial_embeddings.inference import model_card

from .annotation import Annotation, Labels, read_annotation, write_annotation
from .card import CARD, ImageEntry, ProjectCard, read_card, write_card
from .copies import copied_axes, write_copy
from .corrections import read_corrections, write_corrections
from .entries import entries_of
from .errors import ProjectError
from .frame_results import MAPS, OBJECTS
from .history import History
from .sources import (
    checked,
    described,
    located,
    new_entry,
    read_entry,
    reference,
    replaced,
    same_pixels,
)

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Corrections


class Project:
    """A folder with everything that a training set is; its files are the truth.

    ``project.json`` is its card; ``annotations/``, ``regions/``, ``corrections/`` and ``images/``
    hold the files of each image, named by its id; ``links/`` the corrections of the links of label
    series; ``maps/`` the results of frames; ``model/`` is what a training writes. Every file
    is written whole or not at all, so that a crash loses no more than what was not saved yet.
    Opening reads the card alone, and nothing in the folder is ever executed or unpickled.

    All methods raise `ProjectError`, `files.FileError` or, on a full disk, `errors.Failure`, in a
    sentence; what was there is then unchanged.

    Parameters
    ----------
    folder : path
    card : ProjectCard
        The content of ``project.json``.
    """

    def __init__(self, folder: Path, card: ProjectCard) -> None:
        self.folder, self.card = folder, card

    @classmethod
    def create(cls, folder: str | Path, **fields: object) -> Project:
        """Make a project of a new folder, or of one that holds none yet.

        Parameters
        ----------
        folder : path
        **fields
            Of `ProjectCard`.
        """
        folder = Path(folder)
        if (folder / CARD).exists():
            raise ProjectError(f"{folder} holds a project already; open it")
        project = cls(folder, ProjectCard())
        project.update(**fields)
        return project

    @classmethod
    def open(cls, folder: str | Path) -> Project:
        """Open a project; its ``project.json`` will do as well."""
        folder = Path(folder)
        folder = folder.parent if folder.name == CARD else folder
        return cls(folder, read_card(folder))

    def update(self, **changes: object) -> None:
        """Change fields of the card, and write it."""
        try:
            card = self.card.updated(**changes)
        except ValidationError as error:
            raise ProjectError(first_error(error)) from error
        write_card(self.folder, card)
        self.card = card

    @property
    def model_folder(self) -> Path:
        """Folder of the model that `train --project` writes; none before the first training."""
        return self.folder / "model"

    @property
    def has_model(self) -> bool:
        """Whether there is a trained model."""
        return (self.model_folder / model_card.WEIGHTS).exists()

    @property
    def previous_folder(self) -> Path:
        """Folder of the model as it was before the last training: see `previous`."""
        return self.folder / "previous"

    @property
    def results_folder(self) -> Path:
        """Folder in which `predict --project` writes unless another is given."""
        return self.folder / "results"

    @property
    def maps_folder(self) -> Path:
        """Folder of the results of frames: see `frame_results`."""
        return self.folder / "maps"

    @property
    def history(self) -> History:
        """What the trainings reported."""
        return History(self.folder / "history.jsonl")

    # ---------------------------------------------------------------- images

    def entry(self, key: str) -> ImageEntry:
        """Return the card's entry of an image."""
        entry = self.card.find(key)
        if entry is None:
            raise ProjectError(f"{self.folder} has no image '{key}'")
        return entry

    def new_key(self, name: str, but: Iterable[str] = ()) -> str:
        """Return a key like a name: good for files on every system, not in use, none of others."""
        taken = (*but, *(entry.key for entry in self.card.images))
        return new_key(name, taken, self._is_free)

    def _is_free(self, key: str) -> bool:
        return not any(path.exists() for path in self.files_of(key))

    def add_image(
        self,
        source: str | Path | None = None,
        data: PixelArray | None = None,
        *,
        key: str | None = None,
        name: str | None = None,
        axes: str | None = None,
        channels: Sequence[int] | None = None,
        pixel_size: Sequence[float | None] | None = None,
        unit: str | None = None,
        copy: bool = False,
    ) -> ImageEntry:
        """Add an image: a reference to its file, or a copy of its pixels.

        Parameters
        ----------
        source : path, optional
            Its file.
        data : (C, *S), optional
            Its pixels. With a source, they are copied only if reading that gives others.
        key : str, optional
            Name of the image's files in the project, if that is free; made of ``name`` otherwise.
        name : str, optional
            Shown on the screen; the file's if not given.
        axes, channels : optional
            How to read the source: see `files.read_image`; which of its channels to use.
        pixel_size, unit : optional
            The source's if not given.
        copy : bool
            Copy the pixels into the project.

        Returns
        -------
        ImageEntry
            The one that is there already, if the same channels of the same file are added again.
        """
        used = tuple(channels) if channels is not None else None
        read = read_image(source, axes, used) if source is not None else None
        if read is not None:
            copy = copy or not (data is None or same_pixels(data, read.data))
            data = read.data if data is None else data
            name = name or read.name
            if pixel_size is None:
                pixel_size, unit = read.pixel_size, read.unit
        if data is None:
            raise ProjectError("there is no image to add: neither a file nor pixels")
        name = name or "image"
        pixels, key = checked(data, name), self.new_key(key or name)
        if source is None or copy:
            path, axes, used = f"images/{key}.tif", copied_axes(pixels), None
        else:
            path = reference(Path(source), self.folder)
            for entry in self.card.images:
                own = entry.path, entry.axes, entry.channels, entry.window
                if own == (path, axes, used, None):
                    return entry
        size = tuple(s and float(s) for s in pixel_size) if pixel_size else None
        entry = new_entry(
            pixels,
            key=key,
            name=name,
            path=path,
            axes=axes,
            channels=used,
            pixel_size=size,
            unit=unit,
        )
        if source is None or copy:
            write_copy(self.folder / path, pixels, size, unit)
        self.update(images=(*self.card.images, entry))
        return entry

    def replace_pixels(self, key: str, data: PixelArray) -> None:
        """Copy other pixels (C, *S) of an image into the project; its annotation stays."""
        new = replaced(self._read(key), data, self.folder)
        self.update(images=tuple(new if e.key == key else e for e in self.card.images))

    def add_files(self, found: Iterable[str | Path | Position]) -> list[ImageEntry]:
        """Add files, or what `files.positions` lists, of which nothing is read; return entries."""
        positions = [p if isinstance(p, Position) else Position(Path(p), stem(p)) for p in found]
        entries = entries_of(positions, self.folder, self.card.images, self._is_free)
        if set(entries) - set(self.card.images):
            self.update(images=tuple(dict.fromkeys((*self.card.images, *entries))))
        return entries

    def replace_entry(self, key: str, **changes: object) -> ImageEntry:
        """Change fields of an image's entry; the card is written if they have other values."""
        before = self.entry(key)
        after = before.updated(**changes)
        if after != before:
            self.update(images=tuple(after if e is before else e for e in self.card.images))
        return after

    def remove_image(self, key: str) -> None:
        """Remove an image and its annotation; a file outside the project stays."""
        entry = self.entry(key)
        self.update(images=tuple(e for e in self.card.images if e.key != key))
        own = entry.path.startswith(f"images/{series_key(key)}")
        used = any(e.path == entry.path for e in self.card.images)  # by other frames
        copy = [self.folder / entry.path] if own and not used else []
        results = (self.maps_folder / f"{key}{ending}" for ending in (OBJECTS, MAPS))
        for path in {*self.files_of(key), *copy, *results}:
            if path.exists():
                with writing(path):
                    path.unlink()

    def image(self, key: str) -> ImageData:
        """Open an image, which is read as far as its data are sliced if it is large.

        Raises
        ------
        MissingImage
            If its file is gone: ask where it is now, and `locate` it.
        WrongImage
            If it has another shape now.
        """
        return read_entry(self.folder, self.entry(key))

    def missing(self) -> list[ImageEntry]:
        """List the images whose files are gone."""
        return [e for e in self.card.images if not (self.folder / e.path).exists()]

    def locate(self, key: str, path: str | Path) -> list[ImageEntry]:
        """Change the path of an image that was moved.

        Other missing images that are found beside it, by their names and their pixels, are located
        with it.

        Returns
        -------
        list of ImageEntry
            All that were located.

        Raises
        ------
        WrongImage
            If the file's pixels are not those of the image.
        """
        found = located(self.entry(key), self.missing(), Path(path), self.folder)
        self.update(images=tuple(found.get(e.key, e) for e in self.card.images))
        return list(found.values())

    # ----------------------------------------------------- annotations and corrections

    def save_annotation(self, key: str, annotation: Annotation) -> None:
        """Write the annotation of an image."""
        entry = self._fitting(key, annotation.labels)
        labels, regions, *_ = self.files_of(key)
        write_annotation(labels, regions, annotation, entry.pixel_size, entry.unit)

    def annotation(self, key: str) -> Annotation | None:
        """Read the annotation of an image; None if none was saved."""
        shape = self.entry(key).spatial
        labels, regions, *_ = self.files_of(key)
        return read_annotation(labels, regions, shape) if labels.exists() else None

    def save_corrections(self, key: str, corrections: Corrections) -> None:
        """Write the corrections of an image."""
        self._fitting(key, corrections.labels)
        write_corrections(self.files_of(key)[2], corrections)

    def corrected(self, key: str) -> bool:
        """Return whether corrections of an image were saved."""
        return self.files_of(key)[2].exists()

    def corrections(self, key: str) -> Corrections | None:
        """Read what `save_corrections` wrote; None if nothing was ever saved."""
        shape = self.entry(key).spatial
        return read_corrections(self.files_of(key)[2], shape) if self.corrected(key) else None

    def links_file(self, name: str) -> Path:
        """Return where the corrections of the links of a label series are: see `export.links`."""
        return self.folder / "links" / f"{name}.links.json"

    # -------------------------------------------------------------- internal

    def _fitting(self, key: str, labels: Labels) -> ImageEntry:
        entry = self._read(key)
        if labels.shape != entry.spatial:
            raise ProjectError(
                f"the labels have shape {labels.shape}, the image '{key}' {entry.spatial}; they"
                " must cover the same pixels"
            )
        return entry

    def _read(self, key: str) -> ImageEntry:
        """Return the entry of an image with what is known from reading its file."""
        entry = self.entry(key)
        if entry.shape is not None:
            return entry
        image = self.image(key)
        facts = described(checked(image.data, entry.name))
        return self.replace_entry(key, pixel_size=image.pixel_size, unit=image.unit, **facts)

    def files_of(self, key: str) -> tuple[Path, Path, Path, Path]:
        """Return where an image's labels, regions, corrections and copied pixels are."""
        names = f"annotations/{key}.tif", f"regions/{key}.csv", f"corrections/{key}.tif"
        labels, regions, corrections = (self.folder / name for name in names)
        return labels, regions, corrections, self.folder / "images" / f"{key}.tif"

"""Writing images' results one after another, in a thread; what was not predicted yet is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import Failure, InputError, to_message
from napari_spatial_embeddings.export import Segmented, export
from napari_spatial_embeddings.plugin.session import Kind, Result
from napari_spatial_embeddings.text import plural

if TYPE_CHECKING:
    from .predict import Told


@dataclass(frozen=True, slots=True)
class Task:
    """One image that is to be written, as it was when that was asked for.

    Parameters
    ----------
    file : str
        What its files are called.
    name : str
        For people.
    settings : ClusteringSettings
    read : callable
        Returns the image.
    result : Result, optional
        What was predicted; None if it was not yet.
    predict : callable, optional
        Predicts it, then.
    at : int, optional
        The slice that a picture of a volume shows.
    limits : list of pairs, optional
        Contrast limits of its channels.
    """

    file: str
    name: str
    settings: ClusteringSettings
    read: Callable[[], ImageData]
    result: Result | None = None
    predict: Callable[[ImageData], Iterator[Told]] | None = None
    at: int | None = None
    limits: list[tuple[float, float]] | None = None

    def segmented(self, picture: ImageData, result: Result) -> Segmented:
        """Cluster once more: what is written is what the settings say that are written with it."""
        found = result.clustering(self.settings, like=result.instances)
        about = {
            "model": result.model,
            "clustering": self.settings.model_dump(mode="json"),
            "corrected": int(found.locked.sum()),
            "version": __version__,
        }
        fits = self.limits is not None and len(self.limits) == picture.channels
        return Segmented(
            self.file,
            found,
            result.classes,
            result.maps,
            np.asarray(picture.data),
            picture.pixel_size,
            picture.unit,
            about,
            result.card,
            self.at,
            self.limits if fits else None,
        )


def write(
    folder: Path, tasks: list[Task], formats: list[str], spare: list[Path]
) -> Iterator[tuple[str, Kind]]:
    """Write images one after another; yield what is going on, and at last what was done.

    An image that cannot be written is passed over and named; a full disk ends it.

    Parameters
    ----------
    folder : path
    tasks : list of Task
    formats : list of keys of `export.FORMATS`
    spare : list of paths
        Files that are never written over.

    Raises
    ------
    Failure
        If the disk is full; the message tells how far it came.
    InputError, OSError
        If the only image cannot be written.
    """
    files, failed = 0, []
    for k, task in enumerate(tasks, 1):
        place = f" ({k} of {len(tasks)})" if len(tasks) > 1 else ""
        yield f"Writing {task.name}{place} …", "info"
        try:
            picture, result = task.read(), task.result
            if result is None and task.predict is not None:
                for told in task.predict(picture):
                    yield f"{told.sentence}{place}", "info"
                    result = told.result or result
            assert result is not None
            for _ in export(folder, task.segmented(picture, result), formats, spare=spare):
                files += 1
        except (InputError, OSError) as error:
            if len(tasks) == 1:
                raise
            failed.append(to_message(error))
        except Failure as error:
            raise Failure(
                f"{error}; {plural(files, 'file')} of {plural(k, 'image')} written"
            ) from error
    done = f"Wrote {plural(files, 'file')} of {plural(len(tasks) - len(failed), 'image')}"
    yield "; ".join([f"{done} to {folder}", *failed]), "warning" if failed else "info"

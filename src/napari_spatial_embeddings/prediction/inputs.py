"""Input of a prediction: an image that is read when its turn comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.segmentation import SegmentationJob


def not_read() -> ImageData:
    """Refuse to be read: what is known of some inputs is their place alone."""
    raise NotImplementedError


def as_it_is(job: SegmentationJob) -> SegmentationJob:
    """Return a job as it is."""
    return job


def not_known() -> str:
    """Return that nothing is known of what an input is read from."""
    return ""


def as_any_other(_image: ImageData) -> str:
    """Return that nothing else is known of a large image than of any other."""
    return ""


def always() -> bool:
    """Return that it is so."""
    return True


@dataclass(frozen=True, slots=True)
class Input:
    """An image, or a time series, to be read when its turn comes.

    Parameters
    ----------
    name : str
        Of its results; with folders before it where it was found in folders of a folder.
    path : path
        Of its file or store; of several images in a file, the same.
    read : callable
        Raises `InputError` if it cannot be used.
    well : str
        Of a plate; empty if there is none.
    into : str
        Name of its labels in the image itself, which is OME-Zarr; empty if they are a file.
    key : str
        Any id of the caller.
    state : callable
        Returns what it is read from, and how, as text that changes with its pixels; empty if it is
        to be predicted in any case.
    complete : callable
        Adds what the caller knows to the job of an image, or of each frame of a series, whose keys
        are their numbers.
    wanted : callable
        Whether it is still wanted, asked before something of it is written.
    large_state : callable
        Returns, of the image once it is read, by what an unfinished run of it block by block is
        known; the state if it returns nothing.
    annotation : path, optional
        Labels that its panels show.
    """

    name: str
    path: Path
    read: Callable[[], ImageData] = not_read
    well: str = ""
    into: str = ""
    key: str = ""
    state: Callable[[], str] = not_known
    complete: Callable[[SegmentationJob], SegmentationJob] = as_it_is
    wanted: Callable[[], bool] = always
    large_state: Callable[[ImageData], str] = as_any_other
    annotation: Path | None = None

    def apart(self) -> Input:
        """Return the same for other processes: with absolute paths, and without the caller's own.

        `read` has to be a function that can be pickled; of a partial one, paths are made absolute.
        """
        return Input(self.name, self.path.resolve(), absolute(self.read), self.well, self.into)


def absolute(read: Callable[[], ImageData]) -> Callable[[], ImageData]:
    """Return a function whose paths, if it is a partial one, are absolute."""
    if not isinstance(read, partial):
        return read
    given = (one.resolve() if isinstance(one, Path) else one for one in read.args)
    return partial(read.func, *given, **read.keywords)

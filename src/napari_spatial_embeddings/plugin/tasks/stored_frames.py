"""Results of the frames of a time series, read from the project."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import InputError, to_message
from napari_spatial_embeddings.files.names import frame_number, series_key

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.project import Project
    from napari_spatial_embeddings.project.frame_results import FrameResults, StoredFrame


@dataclass(frozen=True, slots=True)
class Found:
    """A frame of which there was a result; or what is to be known in the end.

    Parameters
    ----------
    number : int
        Of the frame.
    frame : StoredFrame, optional
    outdated : int
        Frames so far that another model predicted than the one that is chosen.
    problem : str
        Why results could not be read; empty if they could.
    """

    number: int = 0
    frame: StoredFrame | None = None
    outdated: int = 0
    problem: str = ""


def stored_frames(
    project: Project,
    store: FrameResults,
    series: str,
    image: ImageData,
    known: Collection[int],
    at: int,
    model: str | None,
) -> Iterator[Found]:
    """Yield the results of frames that are stored, those near the one in view first.

    One that was stored for other pixels is passed over, and so is one that is damaged.

    Parameters
    ----------
    project : Project
        Has the corrections.
    store : FrameResults
    series : str
        Key of the series.
    image : ImageData
        All its frames.
    known : collection of ints
        Numbers of frames that have a result.
    at : int
        Number of the frame in view.
    model : str, optional
        The model that is chosen.
    """
    card, outdated, problem = _card(model), 0, ""
    keys = {frame_number(k): k for k in store.keys() if series_key(k) == series}  # noqa: SIM118
    for t in sorted((t for t in keys if t is not None), key=lambda t: abs(t - at)):
        if t in known or t >= (image.frames or 0):
            continue
        key, frame = keys[t], None
        try:
            corrections = project.corrections(key) if project.card.find(key) is not None else None
            frame = store.read(key, image.frame(t).data, corrections)
        except (InputError, OSError, ValueError, KeyError, TypeError) as error:
            problem = to_message(error)
        if frame is not None:
            outdated += card is not None and frame.result.card != card
            yield Found(t, frame, outdated)
    if problem:
        problem = f"some results of frames cannot be read, and are to be predicted again: {problem}"
    yield Found(outdated=outdated, problem=problem)


def _card(model: str | None) -> object:
    """Return the card of a model; None if there is none."""
    from napari_spatial_embeddings.inference.model_card import ModelCard
    from napari_spatial_embeddings.inference.registry import find_folder

    try:
        return None if model is None else ModelCard.read(find_folder(model)).facts()
    except InputError:
        return None


def is_stored(result: Segmentation) -> bool:
    """Return whether a result's maps are in a file."""
    from napari_spatial_embeddings.project.frame_results import StoredMaps

    return isinstance(result.maps, StoredMaps)


def bytes_in_memory(result: Segmentation) -> int:
    """Return how much memory the maps of a result take; none if they are in a file."""
    maps = result.maps
    return 0 if is_stored(result) else maps.offsets.nbytes + maps.sigma.nbytes + maps.seed.nbytes


def without_cache(result: Segmentation) -> Segmentation:
    """Return a stored result without what its clustering keeps between two settings."""
    from napari_spatial_embeddings.core.clustering import Clustering

    if not is_stored(result):
        return result
    return replace(result, clustering=Clustering(result.maps, corrections=result.corrections))

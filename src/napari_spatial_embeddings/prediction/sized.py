"""Size of the objects in each image of a run, found before it is predicted."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from .reports import InputReport
from .unusable import reasons

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings


class Sizing(Protocol):
    """The parts of a run that a search takes."""

    @property
    def model(self) -> SpatialEmbeddings:
        """The model that is tried."""

    @property
    def clustering(self) -> ClusteringSettings:
        """Its thresholds."""

    @property
    def prediction(self) -> PredictionSettings:
        """How it is run."""

    @property
    def diameters(self) -> dict[str, float | None] | None:
        """Those that are known, by image; None if they are not to be found."""


def sized(
    run: Sizing, report: InputReport, image: ImageData
) -> Generator[InputReport, None, PredictionSettings]:
    """Yield the reports of a search in an image, if its size is to be found; else none.

    Parameters
    ----------
    run : Sizing
        Whose diameters get that of the image.
    report : InputReport
        The newest one of the image.
    image : ImageData
        Of a time series, which is searched once, all of it.

    Returns
    -------
    PredictionSettings
        The run's, with the diameter of the image's objects if some were found at any size.
    """
    known, prediction = run.diameters, run.prediction
    if known is None:
        return prediction
    from napari_spatial_embeddings.inference.sizes.search import find_diameter, places_in

    one = report.one
    key = f"{one.path} {one.name}"
    if key not in known:
        text = f"{one.name}: looking for the size of its objects"
        how = run.model, places_in(image), run.clustering, prediction.device
        with reasons():
            for own in find_diameter(*how):
                yield replace(report, message=text, tiles=(own.done, own.total))
        assert own.found is not None
        found = own.found.diameter
        known[key] = found and round(found, 1)
        size = f"about {found:.0f} pixels wide" if found else "not found at any size"
        yield replace(report, message=text, tiles=(0, 0), note=f"{one.name}: objects {size}")
    return prediction.updated(object_diameter=known[key] or prediction.object_diameter)

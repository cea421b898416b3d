"""Size of the objects in the images of a run, found before they are predicted."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from .inputs import Input
from .reports import InputReport
from .unusable import Unusable, reasons

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings
    from napari_spatial_embeddings.inference.sizes.pooling import Pool
    from napari_spatial_embeddings.inference.sizes.search import FoundSize

Pixel = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Diameters:
    """Diameters of the objects in the images of a run, which are found.

    Parameters
    ----------
    alone : bool
        Whether each image is searched alone, by nothing that is known of the others.
    pool : Pool, optional
        What is known of some of them, once that is.
    pixel : tuple
        Pixel size, and its unit, of the images that it is for.
    each : dict
        Those of single images that are known; None of one in which no object was found.
    """

    alone: bool = False
    pool: Pool | None = None
    pixel: Pixel = (None, None)
    each: dict[str, float | None] = field(default_factory=dict)

    @property
    def how(self) -> str:
        """How they are found, for `PredictRun.facts`."""
        return "found for each alone" if self.alone else "found"

    @property
    def facts(self) -> dict[str, Any]:
        """What decides on those that are found, for `done.DoneImages`."""
        return {"pool": None if self.pool is None else list(self.pool.f1.items())}

    def pool_for(self, image: ImageData) -> Pool | None:
        """Return what is known of others, if it holds for an image."""
        return self.pool if self.pixel == _pixel(image) else None

    def known(self, one: Input, image: ImageData) -> bool:
        """Whether that of an image is known."""
        return _key(one) in self.each or self._common(image) is not None

    def of(self, one: Input, image: ImageData) -> float | None:
        """Return that of an image, if it is known."""
        return self._common(image) or self.each.get(_key(one))

    def _common(self, image: ImageData) -> float | None:
        pool = self.pool_for(image)
        return None if pool is None else pool.common


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
    def diameters(self) -> Diameters | None:
        """Those that are known; None if they are not to be found."""

    def opened(self, one: Input) -> ImageData:
        """Open an image, or raise `Unusable`."""


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
    known, prediction, one = run.diameters, run.prediction, report.one
    if known is None:
        return prediction
    if not known.known(one, image):
        found = (yield from _searched(run, report, image, known.pool_for(image))).diameter
        known.each[_key(one)] = found
        yield replace(report, note=_sentence(one, found))
    return prediction.updated(object_diameter=known.of(one, image) or prediction.object_diameter)


def sized_by_some(
    run: Sizing, inputs: Sequence[Input]
) -> Generator[InputReport, None, Diameters | None]:
    """Yield the reports of searches in some images of a run, if sizes are to be found.

    An image that cannot be used is passed over: the run comes to it.

    Returns
    -------
    Diameters or None
        The run's, with what is known of these images together.
    """
    from napari_spatial_embeddings.inference.sizes.pooling import pooled, sample

    known = run.diameters
    if known is None or known.alone or len(inputs) < 2:
        return known
    found: list[tuple[InputReport, FoundSize]] = []
    pixels: list[Pixel] = []
    for index in sample(len(inputs)):
        report = InputReport(index, len(inputs), inputs[index])
        if report.one.wanted():
            try:
                image = run.opened(report.one)
                found.append((report, (yield from _searched(run, report, image))))
            except Unusable:
                continue
            pixels.append(_pixel(image))
    working = run.model.settings.working_diameter
    alike = len(set(pixels)) == 1  # else sizes in pixels cannot be compared
    pool = pooled([one for _, one in found] if alike else [], working)
    each: dict[str, float | None] = {}
    if pool.common is not None:
        text = f"objects about {pool.common:.0f} pixels wide in all images, by {pool.count} of them"
        yield replace(found[0][0], note=text)
    else:
        for report, one in found:
            each[_key(report.one)] = own = pool.again(one, working).diameter
            yield replace(report, note=_sentence(report.one, own))
    return replace(known, pool=pool, pixel=pixels[0] if alike else known.pixel, each=each)


def _searched(
    run: Sizing, report: InputReport, image: ImageData, pool: Pool | None = None
) -> Generator[InputReport, None, FoundSize]:
    """Yield the reports of a search in an image; return what it found."""
    from napari_spatial_embeddings.inference.sizes.search import find_diameter, places_in

    text = f"{report.one.name}: looking for the size of its objects"
    others = None if pool is None else pool.f1
    how = run.model, places_in(image), run.clustering, run.prediction.device, others
    with reasons():
        for own in find_diameter(*how):
            yield replace(report, message=text, tiles=(own.done, own.total))
    assert own.found is not None
    return own.found


def _sentence(one: Input, found: float | None) -> str:
    size = f"about {found:.0f} pixels wide" if found else "not found at any size"
    return f"{one.name}: objects {size}"


def _key(one: Input) -> str:
    return f"{one.path} {one.name}"


def _pixel(image: ImageData) -> Pixel:
    return image.pixel_size, image.unit

"""Search for the size of the objects of an image, and of others beside it, in a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import InputError

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.normalisation import Scale
    from napari_spatial_embeddings.inference.registry import ModelCache
    from napari_spatial_embeddings.inference.sizes.search import FoundSize


@dataclass(frozen=True, slots=True)
class SizeSearch:
    """Progress of a search.

    Parameters
    ----------
    done, total : int
        Predictions.
    finished : bool
        Whether this is the last report.
    diameter : float, optional
        Of the objects, with the last report: that of all images, or of the first; in pixels of
        the finest axis. None if there are none in it at any size.
    images : int
        For which that is, of those that were searched.
    differ : bool
        Whether the objects of the others have other sizes.
    """

    done: int
    total: int
    finished: bool = False
    diameter: float | None = None
    images: int = 1
    differ: bool = False


def find_size(
    models: ModelCache,
    model: str,
    clustering: ClusteringSettings,
    device: str,
    image: ImageData,
    at: tuple[int, ...] | None = None,
    scale: Callable[[ModelSettings], Scale] | None = None,
    others: Sequence[Callable[[], ImageData]] = (),
) -> Iterator[SizeSearch]:
    """Yield the reports of a search in one image, and in some others that are predicted with it.

    Parameters
    ----------
    models : ModelCache
    model : str
        Folder, or name of a shipped one.
    clustering : ClusteringSettings
    device : str
    image : ImageData
    at : tuple of D ints, optional
        The pixel around which objects are looked for; the middle if not given.
    scale : callable, optional
        Returns the normalisation of the time series that the image is a frame of.
    others : sequence of callables
        Open the others, of which evenly spread ones are searched; one that cannot be is left out.

    Raises
    ------
    InputError, Failure
        If the model or the image cannot be used, or memory is short.
    """
    from napari_spatial_embeddings.inference.sizes.pooling import SAMPLE, pooled, sample
    from napari_spatial_embeddings.inference.sizes.search import Place, find_diameter, places_in

    loaded = models.load(model)
    known = None if scale is None else scale(loaded.settings)
    chosen = [others[k] for k in sample(len(others), SAMPLE - 1)]
    found: list[FoundSize] = []
    for n, opened in enumerate([None, *chosen]):
        try:
            other = image if opened is None else opened()
            same = (other.pixel_size, other.unit) == (image.pixel_size, image.unit)
            places = [Place(image, at, known)] if opened is None else places_in(other)
            for own in find_diameter(loaded, places, clustering, device) if same else ():
                total = own.total * (1 + len(chosen))
                yield SizeSearch(n * own.total + own.done, total)
                found += [] if own.found is None else [own.found]
        except InputError:
            if opened is None:
                raise
    working = loaded.settings.working_diameter
    pool = pooled(found, working)
    if pool.common is not None:
        yield SizeSearch(1, 1, True, pool.common, pool.count)
        return
    first = found[0] if pool.diameter is None else pool.again(found[0], working)
    differ = first.diameter is not None and pool.count > 1
    yield SizeSearch(1, 1, True, first.diameter, differ=differ)

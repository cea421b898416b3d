"""Search for the size of the objects of an image, in a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.normalisation import Scale
    from napari_spatial_embeddings.inference.registry import ModelCache
    from napari_spatial_embeddings.inference.sizes.search import SizeReport


def find_size(
    models: ModelCache,
    model: str,
    clustering: ClusteringSettings,
    device: str,
    image: ImageData,
    at: tuple[int, ...] | None = None,
    scale: Callable[[ModelSettings], Scale] | None = None,
) -> Iterator[SizeReport]:
    """Yield the reports of a search in one image.

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

    Raises
    ------
    InputError, Failure
        If the model or the image cannot be used, or memory is short.
    """
    from napari_spatial_embeddings.inference.sizes.search import Place, find_diameter

    loaded = models.load(model)
    known = None if scale is None else scale(loaded.settings)
    return find_diameter(loaded, [Place(image, at, known)], clustering, device)

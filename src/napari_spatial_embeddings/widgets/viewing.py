"""Show a result in napari."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import Failure
from napari_spatial_embeddings.maps import EmbeddingMaps


def show(
    image: NDArray[np.generic],
    annotated: NDArray[np.int32],
    maps: EmbeddingMaps,
    labels: NDArray[np.int32],
    pixel_size: tuple[float, ...],
    unit: str = "um",
    block: bool = True,
) -> object:
    """Open a viewer with image, annotations, maps and instances as layers.

    Parameters
    ----------
    image : (C, *S)
    annotated, labels : int32 (*S)
    maps : EmbeddingMaps
    pixel_size : tuple of D floats
    block : bool
        Wait until the window is closed.

    Returns
    -------
    napari.Viewer

    Raises
    ------
    Failure
        If there is no Qt or no display.
    """
    try:
        import napari

        viewer = napari.Viewer(title="spatial embeddings")
    except Exception as error:  # every Qt binding fails in its own way
        raise Failure(
            f"napari cannot open a window here ({error}); install a Qt binding with"
            " pip install 'napari-spatial-embeddings[qt]', and run where there is a display"
        ) from error
    place = {"scale": pixel_size, "units": (unit,) * len(pixel_size)}
    for channel in image:
        viewer.add_image(channel, name="image", **place)
    seed = maps.seed.max(0)
    viewer.add_image(
        seed, name="seed", colormap="magma", contrast_limits=(0, 1), visible=False, **place
    )
    margin = maps.margin.mean(0)
    viewer.add_image(margin, name="margin (pixels)", colormap="viridis", visible=False, **place)
    viewer.add_labels(annotated, name="annotations", visible=False, **place)
    layer = viewer.add_labels(labels, name="instances", **place)
    layer.contour = 1
    if block:
        napari.run()
    return viewer

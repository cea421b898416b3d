"""Layer tuples of maps, for viewers without the dock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari_spatial_embeddings.core.maps import EmbeddingMaps

from .annotation import LayerTuple
from .map_images import map_images
from .tags import LayerTag, Role


def map_layers(
    name: str,
    maps: EmbeddingMaps,
    classes: Sequence[str],
    transform: Mapping[str, Any],
    pixel_size: float = 1.0,
) -> list[LayerTuple]:
    """Return maps as layers: offsets as colours, the margin, and a seed map for each class.

    Parameters
    ----------
    name : str
        Of the image.
    maps : EmbeddingMaps
    classes : sequence of str
        Names of the seed maps' classes.
    transform : mapping
        Of the layers.
    pixel_size : float
        Size of a pixel of the finest axis; 1 for a margin in pixels.
    """
    images = map_images(maps, pixel_size)

    def layer(role: Role, title: str, data: object, part: str = "", **look: object) -> LayerTuple:
        options = {"name": f"{name} · {title}", **look, **transform}
        return data, {**options, "metadata": LayerTag(role, part=part).metadata()}, "image"

    seeds = [
        layer(
            "seed",
            "seed" if len(classes) == 1 else f"seed {title}",
            seed,
            str(index),
            colormap="magma",
            contrast_limits=(0, 1),
        )
        for index, (title, seed) in enumerate(zip(classes, maps.seed, strict=True))
    ]
    return [
        layer("offsets", "offsets", images.offsets, rgb=True, visible=False),
        layer("margin", "margin", images.margin, colormap="viridis", visible=False),
        *seeds,
    ]

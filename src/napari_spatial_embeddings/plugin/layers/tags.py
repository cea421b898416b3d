"""Tags of the plugin's layers: what a layer shows, and of which image.

A tag is stored in ``layer.metadata``. Layers without one are the user's own: they are never
replaced or removed, whatever their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from napari.components import ViewerModel
from napari.layers import Layer

from napari_spatial_embeddings.core.units import Lengths

KEY = "napari-spatial-embeddings"
"""Of the tag in a layer's metadata."""

Role = Literal[
    "image",
    "annotations",
    "regions",
    "offsets",
    "margin",
    "seed",
    "instances",
    "locked",
    "arrows",
    "explanation",
    "click",
]

PixelSize = tuple[Lengths | None, str | None]
"""Size of a pixel along each spatial axis, and its unit."""


@dataclass(frozen=True, slots=True)
class LayerTag:
    """What one of the plugin's layers is.

    Parameters
    ----------
    role : Role
        What the layer shows.
    image : str
        Key of the image that it is, or belongs to; empty for maps that were opened as files.
    axes : str
        Of an image: the meaning of its array's axes, such as "CYX".
    channels : tuple of str
        Of an image: unique ids of further layers that are channels of it.
    pixel_size : (str, PixelSize), optional
        Of an image: from the project or the file, for these axes.
    project : str
        Of an image: the project's folder.
    classes : mapping
        Of annotations: class name of each label.
    scribbled : bool
        Of annotations: labels cover only part of their objects.
    part : str
        Of several layers of one role: which one, such as a class's index or a kind of drawing.
    limits : tuple of floats, optional
        Of a map: the contrast limits that the plugin set last.
    """

    role: Role
    image: str = ""
    axes: str = ""
    channels: tuple[str, ...] = ()
    pixel_size: tuple[str, PixelSize] | None = None
    project: str = ""
    classes: Mapping[int, str] = field(default_factory=dict)
    scribbled: bool = False
    part: str = ""
    limits: tuple[float, float] | None = None

    def metadata(self) -> dict[str, LayerTag]:
        """Return the metadata of a layer with this tag."""
        return {KEY: self}


def tag_of(layer: Layer) -> LayerTag | None:
    """Return a layer's tag; None for a layer that is the user's own."""
    tag = layer.metadata.get(KEY)
    return tag if isinstance(tag, LayerTag) else None


def role_of(layer: Layer) -> Role | None:
    """Return what one of the plugin's layers shows; None for other layers."""
    tag = tag_of(layer)
    return None if tag is None else tag.role


def image_key(layer: Layer) -> str | None:
    """Return the key of the image that a layer is, or belongs to."""
    tag = tag_of(layer)
    return tag.image or None if tag is not None else None


def set_tag(layer: Layer, tag: LayerTag) -> None:
    """Tag a layer."""
    layer.metadata[KEY] = tag


def update_tag(layer: Layer, **changes: Any) -> LayerTag:
    """Change fields of a layer's tag; return the new one.

    Raises
    ------
    KeyError
        If the layer has no tag.
    """
    tag = tag_of(layer)
    if tag is None:
        raise KeyError(f"{layer.name} is not one of the plugin's layers")
    tag = replace(tag, **changes)
    set_tag(layer, tag)
    return tag


def remove_tag(layer: Layer) -> None:
    """Make a layer the user's own again."""
    layer.metadata.pop(KEY, None)


def tagged(
    viewer: ViewerModel, role: Role, image: str | None = None, part: str | None = None
) -> Iterator[Layer]:
    """Yield the layers of a role; of one image or part, if these are given."""
    for layer in list(viewer.layers):
        tag = tag_of(layer)
        if (
            tag is not None
            and tag.role == role
            and image in (None, tag.image)
            and part in (None, tag.part)
        ):
            yield layer


def find_layer(viewer: ViewerModel, role: Role, image: str, part: str | None = None) -> Any:
    """Return the layer of a role and an image, or None."""
    return next(tagged(viewer, role, image, part), None)

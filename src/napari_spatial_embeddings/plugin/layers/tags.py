"""Tags of the plugin's layers: what a layer shows, and of which image.

A tag is stored in ``layer.metadata``. Layers without one are the user's own: they are never
replaced or removed, whatever their names.

napari and scripts copy metadata into the layers that they derive from others: pieces of a stack,
copies, conversions. A tag is believed only in the layer that it was made for, and where it fits
the layer's type and number of axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from weakref import ReferenceType, WeakKeyDictionary

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Shapes, Tracks, Vectors

from napari_spatial_embeddings.core.units import Lengths

if TYPE_CHECKING:
    from napari_spatial_embeddings.plugin.state.open_image import OpenImage

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
    "proposed",
    "tracked",
    "tracks",
    "taken",
    "large",
    "errors",
]

Grey = Literal["", "grey", "inverted"]
"""What is made of the colours of an RGB image: nothing, or one channel, dark or bright."""

TYPES: dict[Role, type[Layer]] = {
    "image": Image,
    "annotations": Labels,
    "regions": Shapes,
    "offsets": Image,
    "margin": Image,
    "seed": Image,
    "instances": Labels,
    "locked": Labels,
    "arrows": Vectors,
    "click": Points,
    "proposed": Shapes,
    "tracked": Labels,
    "tracks": Tracks,
    "taken": Labels,
    "large": Labels,
    "errors": Labels,
}
"""Type of a role's layers; an explanation has several."""

PASSING: tuple[Role, ...] = ("arrows", "explanation", "click", "proposed", "errors")
"""Roles of layers that come and go while one works, and hold nothing that is to be saved."""

_TAGGED: WeakKeyDictionary[Layer, LayerTag] = WeakKeyDictionary()
"""Tags as they were set, for layers whose metadata are replaced as a whole."""

PixelSize = tuple[Lengths | None, str | None]
"""Size of a pixel along each spatial axis, and its unit."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptFrame:
    """What an annotation layer has of a frame that is not in view, but its pixels.

    Parameters
    ----------
    classes : mapping
        Class name of each label.
    scribbled : bool
    history : tuple
        What napari can undo and do again.
    proposed : frozenset of ints
        Labels that a model proposed and the user did not edit.
    """

    classes: Mapping[int, str] = field(default_factory=dict)
    scribbled: bool = False
    history: tuple[Any, ...] = ()
    proposed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """The large image that a view is a window of.

    Parameters
    ----------
    layer : str
        Unique id of its layer, which may have been removed since.
    arrays : tuple of tuples of arrays
        Of each of its channels' layers, the levels: the finest first, with the layers' axes.
    window : tuple of (int, int)
        Where the view starts and stops along each of its spatial axes.
    path : str
        Its file; empty if it has none.
    scales : dict
        Normalisations of the large image that were computed, by what they depend on.
    """

    layer: str
    arrays: tuple[tuple[Any, ...], ...]
    window: tuple[tuple[int, int], ...]
    path: str = ""
    scales: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LayerTag:
    """What one of the plugin's layers is.

    Parameters
    ----------
    role : Role
        What the layer shows.
    image : str
        Key of the image that it is, or belongs to; empty for maps that were opened as files.
    frame : int, optional
        Of a layer of a time series: the number of the frame in view, which ``image`` is the key of.
    owner : str
        Unique id of the layer that it was made for; empty until that is in a viewer.
    axes : str
        Of an image: the meaning of its array's axes, such as "CYX".
    guessed : bool
        Of an image: whether only the lengths of its axes suggest these.
    grey : Grey
        Of an RGB image: what is made of its colours.
    channels : tuple of str
        Of an image: unique ids of further layers that are channels of it.
    pixel_size : (str, PixelSize), optional
        Of an image: from the project or the file, for these axes.
    project : str
        Of an image: the project's folder.
    whole : Whole, optional
        Of a view: the large image that it is a window of.
    classes : mapping
        Of annotations: class name of each label.
    scribbled : bool
        Of annotations: labels cover only part of their objects.
    proposed : frozenset of ints
        Of annotations: labels that a model proposed and the user did not edit.
    kept : mapping
        Of annotations of a time series: what there is of the frames that are not in view.
    part : str
        Of several layers of one role: which one, such as a class's index or a kind of drawing; of
        tracks: the key of their series.
    limits : tuple of floats, optional
        Of a map: the contrast limits that the plugin set last.
    record : weak reference to OpenImage, optional
        Of instances: the image, or a frame of the series, whose result was shown last. The layer's
        pixels may have been changed since.
    """

    role: Role
    image: str = ""
    frame: int | None = None
    owner: str = ""
    axes: str = ""
    guessed: bool = False
    grey: Grey = ""
    channels: tuple[str, ...] = ()
    pixel_size: tuple[str, PixelSize] | None = None
    project: str = ""
    whole: Whole | None = None
    classes: Mapping[int, str] = field(default_factory=dict)
    scribbled: bool = False
    proposed: frozenset[int] = frozenset()
    kept: Mapping[int, KeptFrame] = field(default_factory=dict)
    part: str = ""
    limits: tuple[float, float] | None = None
    record: ReferenceType[OpenImage] | None = field(default=None, compare=False, repr=False)

    def metadata(self) -> dict[str, LayerTag]:
        """Return the metadata of a layer with this tag."""
        return {KEY: self}


def tag_of(layer: Layer) -> LayerTag | None:
    """Return a layer's tag; None for a layer that is the user's own.

    One that was made for another layer, or does not fit this one, is no tag of it.
    """
    tag = stored_tag(layer)
    return tag if tag is not None and _fits(layer, tag) else None


def stored_tag(layer: Layer) -> LayerTag | None:
    """Return the tag that was made for a layer, also where it fits it no more."""
    tag = layer.metadata.get(KEY)
    own = isinstance(tag, LayerTag) and tag.owner in ("", str(layer.unique_id))
    return tag if own else _TAGGED.get(layer)


def _fits(layer: Layer, tag: LayerTag) -> bool:
    if not isinstance(layer, TYPES.get(tag.role, Layer)):
        return False
    if tag.role != "image" or not tag.axes:
        return True
    colours = tag.axes.endswith("C")
    return bool(len(tag.axes) - colours == layer.ndim and colours == layer.rgb)


def claim(viewer: ViewerModel, layer: Layer) -> None:
    """Make a tag that came with a layer its own; remove one that is a copy, or not believed."""
    tag = tag_of(layer)
    if tag is None:
        remove_tag(layer)
        return
    same = tagged(viewer, tag.role, tag.image, tag.part) if tag.image else iter(())
    if any(other is not layer and other.metadata[KEY].owner for other in same):
        remove_tag(layer)
    else:
        set_tag(layer, tag)


def role_of(layer: Layer) -> Role | None:
    """Return what one of the plugin's layers shows; None for other layers."""
    tag = tag_of(layer)
    return None if tag is None else tag.role


def image_key(layer: Layer) -> str | None:
    """Return the key of the image that a layer is, or belongs to."""
    tag = tag_of(layer)
    return tag.image or None if tag is not None else None


def family_of(layer: Layer) -> str:
    """Return what the layer of a large image and those of its views share; no other layers do."""
    tag = tag_of(layer)
    return str(layer.unique_id) if tag is None or tag.whole is None else tag.whole.layer


def shown_in(viewer: ViewerModel, layer: Layer) -> Layer:
    """Return the layer in which an image is seen: of a view, that of its large image, if open."""
    family = family_of(layer)
    return next((x for x in viewer.layers if str(x.unique_id) == family), layer)


def set_tag(layer: Layer, tag: LayerTag) -> None:
    """Tag a layer, as the owner of the tag."""
    layer.metadata[KEY] = _TAGGED[layer] = replace(tag, owner=str(layer.unique_id))


def restore_tag(layer: Layer) -> None:
    """Put a layer's tag back, after a script replaced its metadata."""
    if layer in _TAGGED:
        layer.metadata[KEY] = _TAGGED[layer]


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
    _TAGGED.pop(layer, None)


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


def renamed(name: str, old: str, new: str) -> str:
    """Return the name of a layer of an image that has another name now.

    A layer whose name does not start with that of its image was named by the user, and keeps it.
    """
    rest = name.removeprefix(f"{old} · ")
    return name if rest == name else f"{new} · {rest}"

"""OME-XML: the images that it describes, and the places of their planes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from napari_spatial_embeddings.core.units import Size, unit_name

UUID = re.compile(r"<(?:\w+:)?OME\b[^>]*?\bUUID\s*=\s*[\"']([^\"']+)")
"""The identifier of a file, in the first element of its OME-XML."""


@dataclass(frozen=True, slots=True)
class Planes:
    """Planes of an image that lie in one file, one page after another: a TiffData element.

    Parameters
    ----------
    first : int
        Number of the first plane, in the order of the image's axes.
    page : int
        Its page in the file.
    count : int, optional
        How many; all from ``page`` on if not given.
    name, uuid : str, optional
        The file; that which holds the OME-XML if neither is given.
    """

    first: int
    page: int
    count: int | None
    name: str | None = None
    uuid: str | None = None


@dataclass(frozen=True, slots=True)
class OmeImage:
    """One image of an OME-XML.

    Parameters
    ----------
    axes : permutation of "TZC"
        Order of the planes, the slowest axis first.
    shape : tuple of ints
        Number of planes along ``axes``; channels that share a plane count as one.
    edges : (int, int)
        Height and width of a plane in pixels.
    planes : tuple of Planes
    sizes : mapping from T, Z, Y, X to (length, unit)
    """

    axes: str
    shape: tuple[int, ...]
    edges: tuple[int, int]
    planes: tuple[Planes, ...]
    sizes: Mapping[str, Size]


@dataclass(frozen=True, slots=True)
class OmeXml:
    """Files and images as an OME-XML describes them.

    Parameters
    ----------
    uuid : str, optional
        Identifier of the file that holds it.
    elsewhere : str, optional
        Name of the file that holds the metadata, where this one does not.
    images : tuple of OmeImage
        Those that make sense.
    modulo : str
        Axes along which more than slices, channels or frames lie, such as lifetimes.
    """

    uuid: str | None
    elsewhere: str | None
    images: tuple[OmeImage, ...]
    modulo: str


def parse(text: str, samples: int = 1) -> OmeXml | None:
    """Return what an OME-XML describes; None if it is not well-formed.

    Parameters
    ----------
    text : str
    samples : int
        Values per pixel of the file's pages: that many channels share a plane.
    """
    try:
        root = ET.fromstring(text.strip())
    except (ET.ParseError, ValueError):
        return None
    binary_only = root.find("{*}BinaryOnly")
    found = [_image(pixels, samples) for pixels in root.findall("{*}Image/{*}Pixels")]
    return OmeXml(
        root.get("UUID"),
        None if binary_only is None else binary_only.get("MetadataFile"),
        tuple(image for image in found if image is not None),
        "".join(axis for axis in "TZC" if root.find(f".//{{*}}ModuloAlong{axis}") is not None),
    )


def uuid_in(text: str) -> str | None:
    """Return the identifier of a file from the beginning of its OME-XML, without parsing it."""
    found = UUID.search(text[:4096])
    return found[1] if found else None


def _image(pixels: ET.Element, samples: int) -> OmeImage | None:
    """Return an image; None if what must be there is not."""
    facts = pixels.attrib
    try:
        axes = facts["DimensionOrder"][:1:-1]
        counts = {axis: int(facts[f"Size{axis}"]) for axis in "TZCYX"}
        if sorted(axes) != ["C", "T", "Z"] or min(counts.values()) < 1:
            return None
        if counts["C"] % samples == 0:
            counts["C"] //= samples
        shape = tuple(counts[axis] for axis in axes)
        found = [_planes(data, axes, shape, samples) for data in pixels.findall("{*}TiffData")]
    except (KeyError, ValueError):
        return None
    planes = tuple(p for p in found if p is not None) or (Planes(0, 0, None),)
    return OmeImage(axes, shape, (counts["Y"], counts["X"]), planes, _sizes(facts))


def _planes(data: ET.Element, axes: str, shape: tuple[int, ...], samples: int) -> Planes | None:
    """Return the planes of an element; None if the image has no such planes."""
    facts, uuid = data.attrib, data.find("{*}UUID")
    first = 0
    for axis, n in zip(axes, shape, strict=True):
        index = int(facts.get(f"First{axis}", 0))
        if axis == "C" and index >= n:
            index //= samples  # some writers count the values of a pixel
        if not 0 <= index < n:
            return None
        first = first * n + index
    count = facts.get("PlaneCount", facts.get("NumPlanes", "1" if "IFD" in facts else None))
    name = None if uuid is None else uuid.get("FileName")
    text = None if uuid is None or uuid.text is None else uuid.text.strip()
    return Planes(
        first, int(facts.get("IFD", 0)), None if count is None else int(count), name, text
    )


def _sizes(facts: Mapping[str, str]) -> dict[str, Size]:
    sizes: dict[str, Size] = {}
    for axis in "ZYX":
        try:
            length = abs(float(facts.get(f"PhysicalSize{axis}", "").replace(",", ".")))
        except ValueError:
            continue
        sizes[axis] = length, unit_name(facts.get(f"PhysicalSize{axis}Unit", "um"))
    with suppress(ValueError):
        interval = float(facts.get("TimeIncrement", "").replace(",", "."))
        sizes["T"] = interval, facts.get("TimeIncrementUnit", "s")
    return sizes

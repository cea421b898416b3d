"""OME-TIFF files as acquisition programs write them: one image in one file, or in several."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def uuid(name: str) -> str:
    """Return the identifier of a file of this name."""
    return f"urn:uuid:{name}-1111-1111-1111-111111111111"


def plane(index: Mapping[str, int], page: int, name: str | None = None) -> str:
    """Return the element that says in which page of which file a plane is."""
    first = " ".join(f'First{axis}="{i}"' for axis, i in index.items())
    file = "" if name is None else f'<UUID FileName="{name}">{uuid(name)}</UUID>'
    return f'<TiffData {first} IFD="{page}" PlaneCount="1">{file}</TiffData>'


def pixels(
    counts: Mapping[str, int],
    edges: tuple[int, int],
    planes: Iterable[str],
    order: str = "XYCZT",
    more: str = "",
) -> str:
    """Return an Image element of uint16 pixels."""
    sizes = " ".join(f'Size{axis}="{counts.get(axis, 1)}"' for axis in "CZT")
    channels = "".join(
        f'<Channel ID="Channel:0:{c}" SamplesPerPixel="1"/>' for c in range(counts.get("C", 1))
    )
    return (
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="{order}" Type="uint16"'
        f' SizeX="{edges[1]}" SizeY="{edges[0]}" {sizes} {more}>{channels}{"".join(planes)}'
        "</Pixels></Image>"
    )


def ome(*images: str, name: str | None = None) -> str:
    """Return the OME-XML that holds some images, or other elements, of a file."""
    own = "" if name is None else f' UUID="{uuid(name)}"'
    return f'{HEAD}<OME xmlns="{NAMESPACE}"{own}>{"".join(images)}</OME>'


def write(path: Path, pages: NDArray[Any], xml: str, **options: Any) -> Path:
    """Write pages (N, Y, X) or one page (Y, X), with an OME-XML as it is."""
    options = {"photometric": "minisblack", "metadata": None, **options}
    tifffile.imwrite(path, pages, description=xml.encode(), **options)
    return path


def write_set(
    folder: Path,
    image: NDArray[Any],
    apart: str,
    *,
    order: str = "XYCZT",
    more: str = "",
    own: Sequence[str] = (),
    **options: Any,
) -> list[Path]:
    """Write an image in several files, each with the OME-XML of all.

    Parameters
    ----------
    folder : path
        Made if missing.
    image : (T, Z, C, Y, X)
    apart : str
        Axes along which each index has a file of its own, such as "T": files t0, t1 and so on.
    order, more
        See `pixels`.
    own : sequence of str
        Files that are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = dict(zip("TZC", image.shape, strict=False))
    pages: dict[str, list[NDArray[Any]]] = {}
    planes = []
    slowest_first = list(order[:1:-1])
    for numbers in itertools.product(*(range(counts[axis]) for axis in slowest_first)):
        index = dict(zip(slowest_first, numbers, strict=True))
        name = "_".join(f"{a.lower()}{index[a]}" for a in apart) + ".ome.tif"
        here = pages.setdefault(name, [])
        planes.append(plane(index, len(here), name))
        here.append(image[index["T"], index["Z"], index["C"]])
    element = pixels(counts, image.shape[-2:], planes, order, more)
    for name, held in pages.items():
        if name not in own:
            write(folder / name, np.stack(held), ome(element, name=name), **options)
    return [folder / name for name in sorted(pages)]

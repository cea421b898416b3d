"""Image files as other programs write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from napari_spatial_embeddings.files import stored

TIFFS: dict[str, dict[str, Any]] = {
    "plain": {"metadata": None},
    "shaped": {},
    "big-endian": {"byteorder": ">"},
    "big-endian zlib": {"byteorder": ">", "compression": "zlib"},
    "bigtiff": {"bigtiff": True},
    "zlib": {"compression": "zlib"},
    "strips": {"compression": "zlib", "rowsperstrip": 7, "predictor": True},
    "tiles": {"compression": "zlib", "tile": (16, 16), "metadata": None},
    "uncompressed tiles": {"tile": (16, 16)},
    "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ome": {"ome": True, "metadata": {"axes": "ZYX"}},
    "ome tiles": {"ome": True, "metadata": {"axes": "ZYX"}, "tile": (32, 16), "compression": 8},
}
"""Options of `tiff` that give a volume ZYX in each of the dialects."""


@contextmanager
def in_files(wanted: bool = True) -> Iterator[None]:
    """Treat every image as one so large that it stays in its file, if ``wanted``."""
    before = stored.MAX_BYTES_IN_MEMORY
    stored.MAX_BYTES_IN_MEMORY = -1 if wanted else before
    try:
        yield
    finally:
        stored.MAX_BYTES_IN_MEMORY = before


def numbers(shape: tuple[int, ...], dtype: Any = "uint16", seed: int = 0) -> NDArray[Any]:
    """Return random values of any type."""
    return np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)


def laid_out(image: NDArray[Any], axes: str) -> NDArray[Any]:
    """Return an image (C, [Z,] Y, X) with its axes in another order; others have length one."""
    own = "CZYX" if image.ndim == 4 else "CYX"
    gone = [i for i, a in enumerate(own) if a not in axes]
    kept = "".join(a for a in own if a in axes)
    image = image.squeeze(tuple(gone)).transpose([kept.index(a) for a in axes if a in kept])
    for i, a in enumerate(axes):
        if a not in kept:
            image = np.expand_dims(image, i)
    return image


def tiff(path: Path, array: NDArray[Any], **options: Any) -> Path:
    """Write a TIFF; grey by default."""
    tifffile.imwrite(path, array, **{"photometric": "minisblack", **options})
    return path


def ome_zarr(
    path: Path,
    array: NDArray[Any],
    axes: str,
    version: str = "0.5",
    scale: list[float] | None = None,
    unit: str | None = "micrometer",
) -> Path:
    """Write an OME-Zarr image of two levels by hand, as specified."""
    kinds = {"t": "time", "c": "channel"}
    named: list[dict[str, Any]] = [{"name": a, "type": kinds.get(a, "space")} for a in axes.lower()]
    for axis in named:
        if axis["type"] == "space" and unit:
            axis["unit"] = unit
    scale = scale or [1.0] * len(axes)
    datasets = [
        {
            "path": str(k),
            "coordinateTransformations": [
                {
                    "type": "scale",
                    "scale": [
                        s * 2**k if a in "yx" else s
                        for s, a in zip(scale, axes.lower(), strict=True)
                    ],
                }
            ],
        }
        for k in range(2)
    ]
    multiscale: dict[str, Any] = {"axes": named, "datasets": datasets}
    new = version == "0.5"
    if not new:
        multiscale["version"] = version
    facts: dict[str, Any] = {"multiscales": [multiscale]}
    group = zarr.open_group(path, mode="w", zarr_format=3 if new else 2)
    group.attrs.update({"ome": {"version": version, **facts}} if new else facts)
    for k in range(2):
        level = np.ascontiguousarray(array[..., :: 2**k, :: 2**k])
        group.create_array(str(k), data=level, dimension_names=list(axes.lower()) if new else None)
    return path


def sidecar(path: Path, **facts: Any) -> Path:
    """Write a JSON file."""
    path.write_text(json.dumps(facts))
    return path

"""Reader of TIFF in its dialects: OME-TIFF, ImageJ, tifffile's own, and plain."""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import Part, PixelArray
from napari_spatial_embeddings.core.units import METRES, Size, unit_name

from . import stored
from .errors import FileError
from .pixel_size import sizes_in
from .raw import Raw

if TYPE_CHECKING:
    import tifffile

log = logging.getLogger(__name__)

DAMAGE = re.compile("TiffPages @|value offset|corrupted file|failed to (read|reshape)|missing")
"""What tifffile logs, rather than raises, when it reads only a part of a file."""

MAX_MESSAGES = 1000
"""Messages after which reading is aborted: damaged files may hold endless pages."""

MAX_PIXEL_METRES = 10e-6
"""Pixels larger than this many metres are a printer's resolution and no measurement."""


def read_tiff(path: Path, *, whole: bool = False) -> Raw:
    """Return the first image of a TIFF file at its full resolution.

    A large one stays in the file unless it is asked for ``whole``: see `stored`.
    """
    import tifffile

    with _messages() as messages, tifffile.TiffFile(path) as file:
        series, page = file.series[0], file.pages.first
        pieces = min(len(page.dataoffsets), len(page.databytecounts))
        damaged = pieces < math.prod(page.chunked)
        array: PixelArray
        if whole or series.is_multifile or series.nbytes <= stored.MAX_BYTES_IN_MEMORY:
            if not damaged:
                array = series.asarray().reshape(series.get_shape(False))
        elif not (damaged := damaged or _is_truncated(series, path.stat().st_size)):
            array = _stay(path, series)
        if damaged or any(map(DAMAGE.search, messages)):
            raise FileError(f"{path} is truncated or damaged; copy or export it again")
        if len(file.series) > 1:
            log.warning("%s holds %d images; the first is read", path, len(file.series))
        return Raw(array, _samples(series.get_axes(False), page), _sizes(file, path))


def _is_truncated(series: tifffile.TiffPageSeries, size: int) -> bool:
    """Whether a file of this many bytes lacks pixels of an image."""
    if series.dataoffset is not None:
        return series.dataoffset + series.nbytes > size
    for page in series.pages:
        if page is None or page.keyframe is None:
            return True
        if min(len(page.dataoffsets), len(page.databytecounts)) < math.prod(page.keyframe.chunked):
            return True
        ends = zip(page.dataoffsets, page.databytecounts, strict=False)
        if any(offset + count > size for offset, count in ends):
            return True
    return False


def _stay(path: Path, series: tifffile.TiffPageSeries) -> PixelArray:
    """Return an image that is read from its file when it is sliced."""
    shape = series.get_shape(False)
    if series.dataoffset is not None and series.transform is None:
        dtype = series.dtype.newbyteorder(series.keyframe.parent.byteorder)
        return stored.mapped(path, shape, dtype, series.dataoffset)
    import zarr

    file = series.keyframe.parent.filehandle
    array = zarr.open_array(series.aszarr(level=0, squeeze=False), mode="r")
    cache = stored.ChunkCache(array, array.chunks)

    def read(wanted: tuple[Part, ...]) -> NDArray[Any]:
        with lock:
            file.open()
            try:
                return cache.read(wanted)
            finally:
                file.close()

    lock = threading.Lock()
    return stored.StoredArray(path, shape, series.dtype, stored.unchanged(path, read))


def tiff_sizes(path: Path) -> dict[str, Size]:
    """Read the size of a TIFF file's pixels, and no pixels."""
    import tifffile

    with _messages(), tifffile.TiffFile(path) as file:
        return _sizes(file, path)


@contextmanager
def _messages() -> Iterator[list[str]]:
    """Collect what tifffile logs in this thread, and keep it out of the log."""
    texts: list[str] = []
    here = threading.get_ident()

    def collect(record: logging.LogRecord) -> bool:
        if record.thread != here:
            return True
        texts.append(record.getMessage())
        if len(texts) > MAX_MESSAGES:
            raise ValueError("its pages lead nowhere")
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(collect)
    try:
        yield texts
    finally:
        logger.removeFilter(collect)


def _samples(axes: str, page: Any) -> str:
    """Call samples of a pixel channels, unless they are colours or the last is transparency."""
    colour = page.photometric.name in ("RGB", "YCBCR") or any(s.value for s in page.extrasamples)
    return axes if colour else axes.replace("S", "C")


def _sizes(file: tifffile.TiffFile, path: Path) -> dict[str, Size]:
    if file.ome_metadata:
        return _ome_sizes(file.ome_metadata)
    if file.imagej_metadata is not None:
        return _imagej_sizes(file)
    for facts in file.shaped_metadata or ():
        if sizes := sizes_in(facts, str(path)):
            return sizes
    return _plain_sizes(file)


def _ome_sizes(text: str) -> dict[str, Size]:
    pixels = ET.fromstring(text).find(".//{*}Pixels")
    facts = {} if pixels is None else pixels.attrib
    return {
        axis: (float(facts[key]), unit_name(facts.get(f"{key}Unit", "um")))
        for axis in "ZYX"
        if (key := f"PhysicalSize{axis}") in facts
    }


def _imagej_sizes(file: tifffile.TiffFile) -> dict[str, Size]:
    facts = file.imagej_metadata or {}
    if "unit" not in facts and "spacing" not in facts:
        return _plain_sizes(file)
    x = unit_name(facts.get("unit"))
    sizes = {a: (length, x) for a, length in _resolution(file).items()}
    if "spacing" in facts:
        sizes["Z"] = abs(float(facts["spacing"])), x
    for axis in "ZY":
        # ImageJ writes these only where they differ from the unit along x.
        if (own := facts.get(f"{axis.lower()}unit")) and axis in sizes:
            sizes[axis] = sizes[axis][0], unit_name(own)
    return sizes


def _plain_sizes(file: tifffile.TiffFile) -> dict[str, Size]:
    tag = file.pages.first.tags.get("ResolutionUnit")
    unit = {2: "inch", 3: "cm"}.get(int(tag.value)) if tag else None
    metres = {a: length * METRES[unit] for a, length in _resolution(file).items()} if unit else {}
    if any(length > MAX_PIXEL_METRES for length in metres.values()):
        return {}
    return {a: (length / METRES["um"], "um") for a, length in metres.items()}


def _resolution(file: tifffile.TiffFile) -> dict[str, float]:
    """Return the length of a pixel along Y and X in the resolution's unit."""
    tags = file.pages.first.tags
    pairs = {a: tags[f"{a}Resolution"].value for a in "YX" if f"{a}Resolution" in tags}
    return {a: below / above for a, (above, below) in pairs.items() if above}

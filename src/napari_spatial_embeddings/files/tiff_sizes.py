"""Size of a TIFF's pixels, from the metadata of its dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.core.units import METRES, Size, unit_name

from .ome_set import ome_set
from .pixel_size import sizes_in

if TYPE_CHECKING:
    import tifffile

MAX_PIXEL_METRES = 10e-6
"""Pixels larger than this many metres are a printer's resolution and no measurement."""


PRINTED = ("inch", "cm")
"""Units of a printer's resolution."""

LEAST_PRINTED = 28
"""Pixels per inch or centimetre from which a resolution is that of a printer or a screen."""

DEPTHS = (0.1, 50)
"""Distances of slices, in widths of a pixel, between which 1 was measured where it is left out.

Beyond them only the width was measured: pixels of 100 nm in slices of 1 nm, for example.
"""


def sizes(
    file: tifffile.TiffFile,
    path: Path,
    image: tifffile.TiffPage | None = None,
    scene: int = 0,
) -> dict[str, Size]:
    """Return the size of the pixels of a file's first image, along the axes for which it is known.

    Parameters
    ----------
    file : TiffFile
    path : path
        Absolute.
    image : TiffPage, optional
        The first page of the image, which a small copy may precede.
    scene : int
        Which image of those that an OME-XML describes.
    """
    page, interval = file.pages.first, dict[str, Size]()
    if (found := ome_set(path, page)) is not None:
        images = found.here() or found.images
        if images[scene:] and (known := dict(images[scene].sizes)):
            if known.keys() != {"T"}:
                return known
            interval = known
    with suppress(ValueError):
        if (facts := file.imagej_metadata) is not None:
            return {**_imagej(facts, page), **_imagej_interval(facts)}
    if page.shaped_description is not None:
        with suppress(json.JSONDecodeError):
            facts = json.loads(page.shaped_description)
            if step := _number(facts.get("frame_interval_s")):  # as we write it
                interval = {"T": (step, "s")}
            if known := sizes_in(facts, str(path)) or _as_imagej(facts, page):
                return {**known, **interval}
    for dialect in (_lsm, _stk, _metaseries, _micromanager, _svs):
        with suppress(KeyError, TypeError, ValueError, IndexError):
            if known := dialect(file):
                return known
    return {**_resolution(image or page), **interval}


def _imagej(facts: Mapping[str, Any], page: tifffile.TiffPage) -> dict[str, Size]:
    unit, depth = facts.get("unit"), _number(facts.get("spacing"))
    if unit is None:
        if known := _resolution(page):
            return known
        if depth is None:
            return {}
    unit = unit_name(None if unit is None else str(unit))
    # ImageJ leaves out what is 1, and the units along Z and Y where they are that along X.
    found = {"Z": abs(depth or 1.0), "Y": 1.0, "X": 1.0, **_lengths(page)}
    own = {axis: facts.get(f"{axis.lower()}unit") for axis in "ZY"}
    if not depth and not own["Z"]:
        low, high = DEPTHS
        if unit in PRINTED or not low <= found["Z"] / found["X"] <= high:
            del found["Z"]  # it was never measured
    known = {a: (n, unit_name(str(own[a])) if own.get(a) else unit) for a, n in found.items()}
    if unit in PRINTED or not _was_set_since(page):
        return known
    return {**({"Z": known["Z"]} if depth else {}), **_resolution(page)}


def _imagej_interval(facts: Mapping[str, Any]) -> dict[str, Size]:
    """Return the time between two frames, in seconds unless another unit is named."""
    interval, unit = _number(facts.get("finterval")), str(facts.get("tunit") or "s")
    return {"T": (interval, unit)} if interval else {}


def _as_imagej(facts: Mapping[str, Any], page: tifffile.TiffPage) -> dict[str, Size]:
    """Return the size in ImageJ's words, which tifffile also writes into files that are not its.

    The resolution is in their unit, unless it is the one that stands for none.
    """
    unit, depth = facts.get("unit"), _number(facts.get("spacing"))
    if not isinstance(unit, str) or _resolution(page):
        return {}
    name, lengths = unit_name(unit), _lengths(page)
    known = {a: (n, name) for a, n in lengths.items() if set(lengths.values()) != {1.0}}
    return {**({"Z": (abs(depth), name)} if depth else {}), **known}


def _was_set_since(page: tifffile.TiffPage) -> bool:
    """Whether another program has set the resolution of an ImageJ file, such as 72 per inch.

    ImageJ stores it without a unit, but for inches and centimetres.
    """
    unit = page.tags.get("ResolutionUnit")
    most = max((1 / length for length in _lengths(page).values()), default=0)
    return unit is not None and int(unit.value) in (2, 3) and most >= LEAST_PRINTED


def _lsm(file: tifffile.TiffFile) -> dict[str, Size]:
    facts = file.lsm_metadata if file.is_lsm else None
    return {a: _in_um(float(facts[f"VoxelSize{a}"])) for a in "ZYX"} if facts else {}


def _stk(file: tifffile.TiffFile) -> dict[str, Size]:
    facts = file.stk_metadata if file.is_stk else None
    if not facts or not facts.get("SpatialCalibration", True):
        return {}
    unit = unit_name(str(facts["CalibrationUnits"]).strip("\0 "))
    found = {a: (float(facts[f"{a}Calibration"]), unit) for a in "YX"}
    return {"Z": (abs(float(facts["ZDistance"][0])), unit), **found}


def _metaseries(file: tifffile.TiffFile) -> dict[str, Size]:
    facts = (file.metaseries_metadata or {}).get("PlaneInfo") if file.is_metaseries else None
    if not facts or not facts.get("spatial-calibration-state", True):
        return {}
    unit = unit_name(str(facts["spatial-calibration-units"]))
    return {a: (float(facts[f"spatial-calibration-{a.lower()}"]), unit) for a in "YX"}


def _svs(file: tifffile.TiffFile) -> dict[str, Size]:
    """Return the size that Aperio's slide scanners note among other facts: micrometres a pixel."""
    notes = file.pages.first.description.split("|") if file.is_svs else []
    facts = dict(note.split("=", 1) for note in notes if "=" in note)
    size = next((float(facts[name]) for name in facts if name.strip() == "MPP"), 0.0)
    return {"Y": (size, "um"), "X": (size, "um")} if size else {}


def _micromanager(file: tifffile.TiffFile) -> dict[str, Size]:
    """Return the size in what Micro-Manager notes of a page and of the acquisition."""
    tag = file.pages.first.tags.get("MicroManagerMetadata")
    size = float(tag.value["PixelSizeUm"]) if tag else 0.0
    if not size:  # not calibrated
        return {}
    step = ((file.micromanager_metadata or {}).get("Summary") or {}).get("z-step_um")
    return {
        "Y": (size, "um"),
        "X": (size, "um"),
        **({"Z": (abs(float(step)), "um")} if step else {}),
    }


def _resolution(page: tifffile.TiffPage) -> dict[str, Size]:
    """Return the size that a resolution stands for, unless it is that of a printer."""
    tag = page.tags.get("ResolutionUnit")
    unit = {2: "inch", 3: "cm"}.get(int(tag.value)) if tag else None
    metres = {a: length * METRES[unit] for a, length in _lengths(page).items()} if unit else {}
    if any(length > MAX_PIXEL_METRES for length in metres.values()):
        return {}
    return {a: _in_um(length) for a, length in metres.items()}


def _lengths(page: tifffile.TiffPage) -> dict[str, float]:
    """Return the length of a pixel along Y and X in the resolution's unit."""
    pairs = {a: page.tags[f"{a}Resolution"].value for a in "YX" if f"{a}Resolution" in page.tags}
    return {a: below / above for a, (above, below) in pairs.items() if above and below}


def _in_um(metres: float) -> Size:
    return float(f"{metres / METRES['um']:.12g}"), "um"


def _number(value: Any) -> float | None:
    try:
        return float(str(value).replace(",", "."))
    except ValueError:
        return None

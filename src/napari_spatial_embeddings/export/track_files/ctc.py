"""Tracks as a folder of the Cell Tracking Challenge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.export.folders import replacing
from napari_spatial_embeddings.export.places import SOFTWARE
from napari_spatial_embeddings.files.tables import TRACK_TABLES
from napari_spatial_embeddings.tracking.tracks import Tracks

MASK = re.compile(r"mask\d+\.tif")
"""Names of the frames in a CTC folder."""


def write_ctc(
    folder: str | Path,
    labels: PixelArray,
    tracks: Tracks,
    made: Mapping[str, Any] | None = None,
) -> Path:
    """Write tracks as the Cell Tracking Challenge has its results, whole or not at all.

    The folder gets ``mask000.tif`` and so on, in which a track has the same id in all frames, and
    ``res_track.txt`` with a line of id, first frame, last frame and parent for each track. As the
    format knows no gaps, a track is cut there, and its next piece descends from the one before.

    Parameters
    ----------
    folder : path
        An older result is replaced, if nothing else is in there.
    labels : whole numbers (T, *S)
        Those that were linked; read frame by frame.
    tracks : Tracks
    made : mapping, optional
        How they were made; JSON in the description of each mask.

    Raises
    ------
    FileError
        If the folder is there and holds something else too, or cannot be written.
    """
    import tifffile

    folder, cut = Path(folder), tracks.without_gaps()
    dtype = _dtype(cut)
    digits = max(3, len(str(cut.detections.frames - 1)))
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    own = folder.is_dir() and (not names or TRACK_TABLES[0] in names)
    own &= all(name == TRACK_TABLES[0] or MASK.fullmatch(name) for name in names)
    facts = {"settings": dict(made)} if made else {}
    with replacing(folder, own=own, what="tracks alone") as new:
        new.mkdir()
        for t, frame in enumerate(cut.relabelled(labels)):
            path = new / f"mask{t:0{digits}}.tif"
            tifffile.imwrite(
                path,
                frame.astype(dtype),
                photometric="minisblack",  # three or four slices would be colours otherwise
                compression="zlib",
                software=SOFTWARE,
                metadata={"axes": "ZYX"[-frame.ndim :], **facts},
            )
        lines = [" ".join(map(str, span)) + "\n" for span in cut.spans()]
        (new / TRACK_TABLES[0]).write_text("".join(lines), "utf-8")
    return folder


def _dtype(tracks: Tracks) -> np.dtype[Any]:
    """Return the type for all frames: 16 bits while the ids fit, else 32."""
    highest = int(tracks.track.max(initial=0))
    return np.dtype(np.uint16 if highest <= np.iinfo(np.uint16).max else np.uint32)

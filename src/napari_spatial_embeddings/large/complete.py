"""Labels of a large image that are complete, and whether today's settings would give the same."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.inference.block_progress import progress_of

from .state import state_of_labels

if TYPE_CHECKING:
    from .job import LargeJob

MADE_FROM, OBJECTS = "made_from", "objects"
"""Names in the labels' metadata of the digests of what decides them, and of their number."""

Objects = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Sizes and scores of objects."""

LOST = (OSError, ValueError, KeyError, TypeError)
"""What reading a damaged table may raise."""


def about_run(folder: Path, objects: int) -> dict[str, Any]:
    """Return what is written into labels so that they are recognised by `objects_of_complete`.

    Parameters
    ----------
    folder : path
        What the run has done: see `unfinished.unfinished`.
    objects : int
        Their number.
    """
    progress = progress_of(folder)
    facts = {} if progress is None else progress.facts
    return {MADE_FROM: _digests(facts), OBJECTS: objects}


def objects_of_complete(job: LargeJob) -> Objects | None:
    """Return the objects of labels that are there, if a run of today would give the same.

    They are if the image, the model, all settings and the program are those that they were made
    from, and their table is there with a row for each object.

    Parameters
    ----------
    job : LargeJob

    Returns
    -------
    sizes : int64 (N,)
        In pixels.
    scores : float32 (N,)
    """
    from napari_spatial_embeddings.files.errors import FileError
    from napari_spatial_embeddings.inference.block_record import facts_of
    from napari_spatial_embeddings.inference.normalisation import normalisation_of

    if job.tiff or job.table is None or not job.table.exists():
        return None
    try:
        about = state_of_labels(job.output).about
    except FileError:
        return None
    if not (made_from := about.get(MADE_FROM)):
        return None
    scale = normalisation_of(job.image, job.model.settings)
    settings = job.clustering, job.prediction, job.blocks
    if made_from != _digests(facts_of(job.model, job.image, scale, job.source, *settings)):
        return None
    found = _objects_in(job.table)
    return found if found is not None and len(found[0]) == about.get(OBJECTS) else None


def _digests(facts: dict[str, Any]) -> dict[str, str]:
    """Return a digest of each fact, so that no path gets into the labels."""
    texts = {name: json.dumps(fact, sort_keys=True) for name, fact in facts.items()}
    return {
        name: hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        for name, text in texts.items()
    }


def _objects_in(table: Path) -> Objects | None:
    """Return the sizes and scores in a table of objects; None if they are not there."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = [(float(row["size_px"]), float(row["score"])) for row in csv.DictReader(file)]
    except LOST:
        return None
    sizes, scores = zip(*rows, strict=True) if rows else ((), ())
    return np.array(sizes, np.int64), np.array(scores, np.float32)

"""Images of a run that are done: the next run of the same kind goes on after one that ended early.

Of each, what its summary needs is kept in a folder until the run has come to its end.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import atomic_file

from .inputs import Input
from .summary import ImageSummary

KEPT = ("name", "well", "frames", "pixel", "unit")
"""Fields of a summary that are kept as JSON."""

LOST = (OSError, ValueError, KeyError, EOFError)
"""What reading a damaged file may raise."""


class DoneImages:
    """Images that are done, under one model and one set of settings.

    Parameters
    ----------
    folder : path
        Made when the first image is done.
    facts : mapping
        How they are predicted, as JSON: what was done otherwise counts as not done.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder, self._facts = folder, dict(facts)

    def find(self, one: Input, labels: Path) -> ImageSummary | None:
        """Return the summary of an image that is done already, and whose labels are there."""
        path = self._path(one, labels)
        if path is None or not path.exists() or not labels.exists():
            return None
        try:
            with np.load(path) as kept:
                facts = json.loads(str(kept["facts"]))
                return ImageSummary(sizes=kept["sizes"], scores=kept["scores"], **facts)
        except LOST:
            return None

    def add(self, one: Input, labels: Path, summary: ImageSummary) -> None:
        """Keep that an image is done.

        Raises
        ------
        FileError, Failure
            If the system refuses.
        """
        path = self._path(one, labels)
        if path is None:
            return
        facts = {
            name: getattr(summary, name) for name in ("name", "well", "frames", "pixel", "unit")
        }
        with writing(path), atomic_file(path) as file:
            np.savez(file, facts=json.dumps(facts), sizes=summary.sizes, scores=summary.scores)

    def clear(self) -> None:
        """Forget all of it: the run has come to its end."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, one: Input, labels: Path) -> Path | None:
        state = one.state()
        if not state:
            return None
        facts: Mapping[str, Any] = {**self._facts, "image": state, "labels": str(labels.absolute())}
        digest = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=12)
        return self.folder / f"{digest.hexdigest()}.npz"

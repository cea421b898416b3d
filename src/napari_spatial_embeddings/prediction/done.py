"""Images of a run that are done: the next run of the same kind goes on after one that ended early.

Of each, what its summary needs is kept in a folder until the run has come to its end, and the
frames of a series that are done until all are.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import atomic_file

from .inputs import Input
from .kept_frames import KeptFrames
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

    def with_facts(self, more: Mapping[str, Any]) -> DoneImages:
        """Return the images that are done under more facts, as JSON."""
        return DoneImages(self.folder, {**self._facts, **more})

    def find(self, one: Input, labels: Path) -> ImageSummary | None:
        """Return the summary of an image that is done already, and whose labels are there."""
        name = self._name(one, labels)
        path = self.folder / f"{name}.npz"
        if not name or not path.exists() or not labels.exists():
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
        digest = self._name(one, labels)
        if not digest:
            return
        path = self.folder / f"{digest}.npz"
        facts = {name: getattr(summary, name) for name in KEPT}
        with writing(path), atomic_file(path) as file:
            np.savez(file, facts=json.dumps(facts), sizes=summary.sizes, scores=summary.scores)

    def frames(self, one: Input, labels: Path) -> KeptFrames:
        """Return the frames of a series that are done, for those that this run does."""
        return KeptFrames(self.folder / (self._name(one, labels) or secrets.token_hex(6)))

    def clear(self) -> None:
        """Forget all of it: the run has come to its end."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _name(self, one: Input, labels: Path) -> str:
        """Return a name for the files of an image; empty if its state is unknown."""
        state = one.state()
        if not state:
            return ""
        facts: Mapping[str, Any] = {**self._facts, "image": state, "labels": str(labels.absolute())}
        digest = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=12)
        return digest.hexdigest()

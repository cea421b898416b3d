"""Errors of projects."""

from __future__ import annotations

from pathlib import Path

from napari_spatial_embeddings.errors import InputError


class ProjectError(InputError):
    """A project that cannot be used as asked; the message gives the reason and what to do."""


class MissingImage(ProjectError):
    """An image that is not where the project remembers it.

    Parameters
    ----------
    key : str
        Of its entry.
    path : path
        Where it was.
    advice : str
        What to do, for those who have no window.
    """

    def __init__(self, key: str, path: Path, advice: str = "") -> None:
        advice = advice or "choose it in the list under Data, which asks where it is now"
        super().__init__(f"the image '{key}' is not at {path} any more; {advice}")
        self.key, self.path = key, path


class WrongImage(ProjectError):
    """A file that is not the image that was annotated."""

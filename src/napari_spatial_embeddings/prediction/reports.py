"""Reports of a run over many images, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import Failure, InputError

from .inputs import Input
from .summary import ImageSummary

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.segmentation import Segmentation, SegmentationReport


@dataclass(frozen=True, slots=True)
class InputReport:
    """Progress of `many.predict_inputs`.

    Parameters
    ----------
    index, count : int
        Which image of how many, from 0.
    one : Input
    message : str
        One sentence.
    image : ImageData, optional
        None until it was read, and where workers do that.
    opened : bool
        Whether it was read just now.
    note : str
        What the user should know of it: a sentence, with one report.
    tiles, frames : (int, int)
        Of the image, or the frame of it, that are done, and all; a total of 0 where it is not
        known, or there are none.
    key : str
        Of the job: see `Input.complete`.
    found : Segmentation, optional
        Of an image or a frame, which is done with this report, in this process.
    summary : ImageSummary, optional
        Of an image that is done or skipped with this report, its last one.
    labels : path, optional
        Where its labels are, if it is done.
    error : InputError or Failure, optional
        Why it is skipped.
    lacks : tuple of str
        Of a series that is done, why which of its frames have no objects.
    earlier : bool
        Whether it, or its frame that is done with this report, was done by an earlier run.
    seconds_left : float, optional
        Until all images are done; None as long as nothing is.
    """

    index: int
    count: int
    one: Input
    message: str = ""
    image: ImageData | None = None
    opened: bool = False
    note: str = ""
    tiles: tuple[int, int] = (0, 0)
    frames: tuple[int, int] = (0, 0)
    key: str = ""
    found: Segmentation | None = None
    summary: ImageSummary | None = None
    labels: Path | None = None
    error: InputError | Failure | None = None
    lacks: tuple[str, ...] = ()
    earlier: bool = False
    seconds_left: float | None = None

    @property
    def finished(self) -> bool:
        """Whether this is the last report of its image."""
        return self.summary is not None

    @property
    def share(self) -> float:
        """How much of the image is done, from 0 to 1."""
        if self.finished:
            return 1.0
        inside = self.tiles[0] / self.tiles[1] if self.tiles[1] else 0.0
        frames, total = self.frames
        return (frames + inside * (frames < total)) / total if total else inside


def following(report: InputReport, own: SegmentationReport) -> InputReport:
    """Return a report with what one of the segmentation of its image, or frame, adds to it."""
    tiles = own.done, own.total
    return replace(report, message=own.message, tiles=tiles, key=own.job.key)


class Clock:
    """The time that images take, and the time that is left.

    Parameters
    ----------
    count : int
        Of all images.
    """

    def __init__(self, count: int, now: Callable[[], float] = time.monotonic) -> None:
        self._left, self._done, self._now = count, 0, now
        self._start = now()

    def leave_out(self) -> None:
        """Count an image that took no time."""
        self._left -= 1

    def add(self) -> None:
        """Count an image that is done."""
        self._left, self._done = self._left - 1, self._done + 1

    def count(self, last: InputReport) -> None:
        """Count an image by its last report."""
        if last.earlier:
            self.leave_out()
        else:
            self.add()

    def left(self, share: float = 0.0) -> float | None:
        """Return the seconds until all are done; None as long as nothing is.

        Parameters
        ----------
        share : float
            How much is done of images that are under way, in images.
        """
        done = self._done + share
        return (self._now() - self._start) / done * (self._left - share) if done else None

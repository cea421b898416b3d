"""Images of a run as the work of a process that shares in it: an image, or a frame of a series."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.inference.workers.worker import (
    check_state,
    own_device,
    this_worker,
)

from .facts import MODEL, VERSION
from .inputs import Input
from .kept_frames import KeptFrames
from .reports import InputReport
from .run import PredictRun
from .summary import ImageSummary
from .unusable import Unusable, reason_of

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.core.maps import Float
    from napari_spatial_embeddings.inference.block_work import Facts
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings


@dataclass(frozen=True, slots=True)
class ImageTask:
    """A piece of work: an image, or a frame of a series.

    Parameters
    ----------
    index : int
        Which image.
    one : Input
        With absolute paths.
    frame : int, optional
    scale : float32 (2, C), optional
        The normalisation of a frame's series.
    kept : KeptFrames, optional
        Of a frame's series.
    again : bool
        Whether workers ended while they had it: then it is done with nothing beside it.
    """

    index: int
    one: Input
    frame: int | None = None
    scale: Float | None = None
    kept: KeptFrames | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class ImageDone:
    """What became of a task.

    Parameters
    ----------
    summary : ImageSummary, optional
        Of an image whose results are written.
    note : str
        As in `InputReport`.
    frames : int, optional
        Of an image that is a series, to be shared: their number.
    scale : float32 (2, C), optional
        Its normalisation.
    large : bool
        Whether it is an image to be shared block by block.
    error : InputError or Failure, optional
        Why the image, or the frame, cannot be used.
    """

    summary: ImageSummary | None = None
    note: str = ""
    frames: int | None = None
    scale: Float | None = None
    large: bool = False
    error: InputError | Failure | None = None


@dataclass(frozen=True, slots=True)
class OpenImages:
    """Function that opens the images of a run in a worker.

    Parameters
    ----------
    run : PredictRun
        Without its model, which the worker has.
    facts : dict
        That the run has in the process that asks for it.
    folder : path
        That all workers have to see.
    """

    run: PredictRun
    facts: Facts
    folder: Path

    def __call__(self, model: SpatialEmbeddings) -> ImageWork:
        """Open them.

        Raises
        ------
        InputError
            If this worker has another model or program, or does not see the same files.
        """
        run = replace(self.run, model=model)
        check_state(run.facts, self.facts, (MODEL, VERSION))
        if not self.folder.is_dir():
            raise InputError(
                f"{this_worker()} does not see {self.folder}; all workers have to share the"
                " output's folder"
            )
        device = own_device(run.prediction.device)
        return ImageWork(replace(run, prediction=run.prediction.updated(device=device)))


class ImageWork:
    """Images of a run, and the work on one of them, or on a frame.

    Parameters
    ----------
    run : PredictRun
    """

    def __init__(self, run: PredictRun) -> None:
        self._run = run
        self._series: tuple[int, ImageData] | None = None

    def do(self, task: ImageTask) -> ImageDone:
        """Write the results of an image, or keep those of a frame; others are left to be shared.

        Raises
        ------
        Failure
            If nothing more can be written.
        """
        try:
            if task.frame is not None:
                return self._frame(task, task.frame)
            return self._image(task)
        except (Unusable, InputError) as error:
            reason = reason_of(error)  # whose own type may not stand the way to another process
            kind = Failure if isinstance(reason, Failure) else InputError
            return ImageDone(error=kind(str(reason)))

    def _image(self, task: ImageTask) -> ImageDone:
        run = self._run
        image = run.opened(task.one)
        note = run.note(image)
        if image.frames is not None:
            self._series = task.index, image
            return ImageDone(note=note, frames=image.frames, scale=run.scale(image))
        if run.by_blocks(image):
            return ImageDone(note=note, large=True)
        *_, last = run.small(InputReport(task.index, 1, task.one), image)
        return ImageDone(last.summary, note)

    def _frame(self, task: ImageTask, t: int) -> ImageDone:
        if self._series is None or self._series[0] != task.index:
            self._series = task.index, self._run.opened(task.one)
        assert task.scale is not None
        assert task.kept is not None
        first = InputReport(task.index, 1, task.one)
        for _ in self._run.frame(first, self._series[1], t, task.scale, task.kept):
            pass
        return ImageDone()

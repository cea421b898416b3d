"""Predictions of large images, block by block, into a store that the viewer reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.project.image_source import OpenedImage, state_of_layer

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.registry import ModelCache
    from napari_spatial_embeddings.large.segmentation import LargeReport
    from napari_spatial_embeddings.large.state import LargeState

_ONE_AT_A_TIME = threading.Lock()
"""Held by the run of this program: one that was stopped ends with the tile that it is at."""

LAST_TILE_SECONDS = 5.0
"""For which a run that was stopped is waited for, before it is looked what it has done."""

PATIENCE_SECONDS = 0.2
"""After which a run that waits for the one before looks whether it is still wanted."""


@dataclass(frozen=True, slots=True)
class LargeRequest:
    """A large image, where its labels are written, and how they are found.

    Parameters
    ----------
    opened : OpenedImage
    output : path
        The store of the labels.
    model : str
        Folder, or name of a shipped one.
    clustering, prediction : settings
    workers : str
        Number of processes, or address of a scheduler; empty for this process.
    blocks : BlockSettings
    discard : bool
        Whether what a run of another image, model or settings has done may be deleted.
    """

    opened: OpenedImage
    output: Path
    model: str
    clustering: ClusteringSettings
    prediction: PredictionSettings
    workers: str = ""
    blocks: BlockSettings = field(default_factory=BlockSettings)
    discard: bool = False


@dataclass(frozen=True, slots=True)
class LargeProgress:
    """Progress of `predict_large`.

    Parameters
    ----------
    done, total : int
        Steps; a total of 0 where it is not known yet.
    message : str
        One sentence.
    blocks : (int, int)
        Blocks that are done, and all of them.
    note : str
        To be shown, and to stay.
    takes : str
        What the run takes, once that is known.
    levels : sequence of arrays, optional
        Other labels that are to be shown from now on, the finest level first.
    more : bool
        Whether there are more objects in the labels that are shown.
    warnings : tuple of str
        With the last report.
    finished : bool
    changed : tuple of str
        With the last report, if nothing was done: what is other than in an earlier run, whose
        blocks would be deleted.
    """

    done: int
    total: int
    message: str
    blocks: tuple[int, int] = (0, 0)
    note: str = ""
    takes: str = ""
    levels: Any = None
    more: bool = False
    warnings: tuple[str, ...] = ()
    finished: bool = False
    changed: tuple[str, ...] = ()


def predict_large(
    models: ModelCache, request: LargeRequest, cancelled: Callable[[], bool]
) -> Iterator[LargeProgress]:
    """Segment a large image, as the command line does: either goes on with what the other did.

    Where the image is a file, that is read, and not its layer.

    Raises
    ------
    InputError, Failure
        If the image, the model, the workers or the output cannot be used, or the system refuses.
    """
    while not _ONE_AT_A_TIME.acquire(timeout=PATIENCE_SECONDS):
        yield LargeProgress(0, 0, "Waiting for the run before")
        if cancelled():
            return
    from napari_spatial_embeddings.inference.block_record import OtherRun

    try:
        yield from _predict(models, request, cancelled)
    except OtherRun as other:
        blocks = other.done, other.total
        yield LargeProgress(0, 0, str(other), blocks, changed=other.changed)
    finally:
        _ONE_AT_A_TIME.release()


def _predict(
    models: ModelCache, request: LargeRequest, cancelled: Callable[[], bool]
) -> Iterator[LargeProgress]:
    from napari_spatial_embeddings.export.places import check_folder, check_place
    from napari_spatial_embeddings.inference.image_check import check_image
    from napari_spatial_embeddings.inference.workers.dask_blocks import DaskBlocks
    from napari_spatial_embeddings.large.job import LargeJob, table_of
    from napari_spatial_embeddings.large.segmentation import segment_large
    from napari_spatial_embeddings.large.workers import Workers

    workers = Workers.parse(request.workers)
    yield LargeProgress(0, 0, "Loading the model")
    model = models.load(request.model)
    image, source = request.opened.image, request.opened.source()
    check_folder(request.output.parent)
    check_place(request.output)
    if source is not None:
        image = source.image()
        if source.path.resolve() == request.output.resolve():
            raise InputError(f"{request.output} is the image itself; choose another name")
    elif workers.asked:
        raise InputError(
            f"workers open the image by its file, and {image.name} is none that this program reads:"
            " save it as OME-Zarr and open that, or leave Workers empty"
        )
    check_image(model.settings, image.data.shape, image.data.dtype)
    job = LargeJob(
        model,
        request.model,
        image,
        state_of_layer(image) if source is None else source.state,
        request.output,
        request.clustering,
        request.prediction,
        request.blocks,
        table_of(request.output),
        None if source is None else source.path,
    )
    opened = (lambda: image) if source is None else source.image
    if workers.asked:
        yield LargeProgress(0, 0, "Connecting to the workers")
    with workers.connected(request.model) as shared:
        if shared is not None and shared.dashboard:
            note = f"The workers' dashboard: {shared.dashboard}"
            yield LargeProgress(0, 0, "Starting", note=note)
        if shared is not None and not shared.threads:
            yield LargeProgress(0, 0, "Waiting for workers of the scheduler")
        place = None if shared is None else DaskBlocks(shared, opened)
        shown, first = None, True
        how: dict[str, Any] = {"provisional": True, "discard": request.discard}
        for report in segment_large(job, place, cancelled=cancelled, **how):
            new = report.labels is not None and report.labels is not shown
            shown = report.labels
            yield _progress(report, request.output, new=new, first=first)
            first = False


def _progress(report: LargeReport, output: Path, *, new: bool, first: bool) -> LargeProgress:
    from napari_spatial_embeddings.large.estimate import earlier_run, warnings_of
    from napari_spatial_embeddings.large.state import read_levels

    blocks = report.blocks
    counts = blocks.done, blocks.total
    if report.finished:
        warnings = warnings_of(blocks, "a larger object size", "a larger object size")
        return LargeProgress(
            report.total,
            report.total,
            f"Wrote {plural(blocks.objects, 'object')} and their table to {output}",
            counts,
            levels=read_levels(output),
            warnings=tuple(warnings),
            finished=True,
        )
    levels = report.labels.levels if new and report.labels is not None else None
    note = earlier_run(blocks) if first else ""
    return LargeProgress(
        report.done,
        report.total,
        report.message,
        counts,
        note,
        report.takes,
        levels,
        more=blocks.block is not None and not report.writing,
    )


Places = dict[str, tuple[Path, ...]]
"""Where the labels of images may be, the likeliest place first, by key."""


def find_labels(places: Places) -> dict[str, tuple[Path, LargeState]]:
    """Return where there are labels of images, and in which state, by key.

    A run that was stopped is waited for: it may be at its last block. What cannot be read is passed
    over: a run gives the reason.
    """
    if _ONE_AT_A_TIME.acquire(timeout=LAST_TILE_SECONDS):
        _ONE_AT_A_TIME.release()
    from napari_spatial_embeddings.files import FileError
    from napari_spatial_embeddings.large.state import state_of_labels

    found: dict[str, tuple[Path, LargeState]] = {}
    for key, paths in places.items():
        for path in paths:
            with suppress(FileError):
                state = state_of_labels(path)
                if state.complete or state.unfinished is not None:
                    found.setdefault(key, (path, state))
    return found

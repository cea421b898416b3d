"""Segmentation of one large image into a file or store, as a generator of reports.

The command line and the window take this way alike: what one has begun, the other goes on with.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.core.text import clock, plural
from napari_spatial_embeddings.core.units import spacing_of
from napari_spatial_embeddings.export.label_place import publish
from napari_spatial_embeddings.export.label_store import LabelGrid, LabelStore
from napari_spatial_embeddings.export.large_tiff import write_large_tiff
from napari_spatial_embeddings.export.record import check_table, record, write_record
from napari_spatial_embeddings.files import stem
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.inference.block_segmentation import segment_blocks
from napari_spatial_embeddings.inference.places import Here, Place
from napari_spatial_embeddings.inference.registry import made_by
from napari_spatial_embeddings.system.atomic import atomic_file
from napari_spatial_embeddings.system.cancellation import never_cancelled

from .complete import about_run
from .estimate import estimate, is_known
from .finishing import Labelling, Measuring
from .job import LargeJob
from .provisional import ProvisionalLabels
from .unfinished import unfinished

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.block_run import BlockReport

TABLE = "table.csv"
"""Name of the table until it is complete."""


@dataclass(frozen=True, slots=True)
class LargeReport:
    """Progress of `segment_large`.

    Parameters
    ----------
    done, total : int
        Tiles and blocks; while files are written, pieces of these.
    message : str
        One sentence.
    blocks : BlockReport
        The newest one of the segmentation.
    takes : str
        What it takes in all, once that is known; with one report.
    labels : ProvisionalLabels, optional
        Those of the blocks that are done, if they are wanted.
    writing : bool
        Whether all objects are found.
    finished : bool
        Whether all is written: the last report, unless the run was stopped.
    """

    done: int
    total: int
    message: str
    blocks: BlockReport
    takes: str = ""
    labels: ProvisionalLabels | None = None
    writing: bool = False
    finished: bool = False


class _Stopped(Exception):
    """The work is to stop, and to be gone on with later."""


def segment_large(
    job: LargeJob,
    place: Place | None = None,
    *,
    cancelled: Callable[[], bool] = never_cancelled,
    kept: Callable[[Path], object] = lambda _: None,
    written: Callable[[], object] = lambda: None,
    provisional: bool = False,
    discard: bool = True,
) -> Iterator[LargeReport]:
    """Find the objects of an image, and write its labels, and a table if it is asked for.

    What is done lies in a hidden folder beside the output until all is. A run that ended early,
    however it ended, is gone on with there if it is of the same image, model and settings.

    Parameters
    ----------
    job : LargeJob
    place : Place, optional
        Where the work is done: in this process if not given.
    cancelled : callable
        Asked between two pieces of work; once it is true, the run ends.
    kept : callable
        Called with the hidden folder if the run ends early, and what is done stays in there.
    written : callable
        Called for each piece of a file that is written.
    provisional : bool
        Have the labels of the blocks that are done be seen before the end.
    discard : bool
        Whether what a run of another image, model or settings has done there may be deleted.

    Yields
    ------
    LargeReport

    Raises
    ------
    InputError, Failure
        If the image, the model or the output cannot be used, another run is at work, or memory or
        the disk is short.
    OtherRun
        If there is what may not be deleted.
    """
    image, where = job.image, place or Here()
    if job.table is not None:
        check_table(job.table)
    if job.host is not None:
        grid = LabelGrid.like(job.host, image.shape)
    else:
        spacing = spacing_of(image.pixel_size) or job.model.settings.spacing
        grid = LabelGrid.of(image.shape, spacing, image.pixel_size, image.unit)

    def check() -> None:
        if cancelled():
            raise _Stopped

    def piece() -> None:
        written()
        check()

    try:
        with unfinished(job.beside, kept) as folder:
            last: LargeReport | None = None
            factors = grid.factors if provisional else None
            for last in _find(job, folder, where, cancelled, factors, discard):
                yield last
            if last is None or last.blocks.found is None:
                raise _Stopped
            about = {
                **made_by(job.name, job.model.card()),
                "clustering": job.clustering.model_dump(mode="json"),
                "prediction": job.prediction.model_dump(mode="json"),
                "corrected": 0,
                "blocks": job.blocks.model_dump(mode="json"),
            }
            made = cache(lambda: record(about, job.path, image.data, image.name, check))
            for report in _write(job, last, grid, folder, made, where, piece):
                yield report
                check()
            if job.table is not None:  # it may be on another disk
                with (
                    writing(job.table),
                    atomic_file(job.table) as table,
                    (folder / TABLE).open("rb") as rows,
                ):
                    shutil.copyfileobj(rows, table)
                write_record(job.table, made())
            if job.tiff:
                (folder / job.output.name).replace(job.output)
            else:
                publish(folder / "labels", job.output, job.host)
            message = f"{plural(last.blocks.objects, 'object')}: {job.output}"
            yield replace(last, message=message, takes="", writing=True, finished=True)
    except _Stopped:
        return


def _find(
    job: LargeJob,
    folder: Path,
    place: Place,
    cancelled: Callable[[], bool],
    factors: tuple[tuple[int, ...], ...] | None,
    discard: bool,
) -> Iterator[LargeReport]:
    """Find the objects, and state what that takes after the first blocks."""
    stated, labels = False, None
    with writing(job.beside):
        for blocks in segment_blocks(
            job.model,
            job.image,
            job.clustering,
            job.prediction,
            job.blocks,
            folder,
            cancelled=cancelled,
            place=place,
            source=job.source,
            discard=discard,
        ):
            takes = ""
            if not stated and is_known(blocks):
                stated, takes = True, estimate(blocks, folder, apart=not isinstance(place, Here))
            if factors is not None and blocks.so_far is not None:
                if labels is None or labels.found is not blocks.so_far:
                    labels = ProvisionalLabels(blocks.so_far, factors)
                elif blocks.block is not None:
                    labels.add(blocks.block)
            yield LargeReport(
                blocks.tiles + blocks.done,
                blocks.all_tiles + blocks.total,
                _message(blocks),
                blocks,
                takes,
                labels,
            )


def _message(blocks: BlockReport) -> str:
    text = f"{blocks.done} of {plural(blocks.total, 'block')}"
    if blocks.seconds_left is None:
        return text
    return f"{text}, {clock(blocks.seconds_left)} min left"


def _write(
    job: LargeJob,
    last: LargeReport,
    grid: LabelGrid,
    folder: Path,
    made: Callable[[], Mapping[str, Any]],
    place: Place,
    piece: Callable[[], None],
) -> Iterator[LargeReport]:
    """Write the files, into the hidden folder."""
    found = last.blocks.found
    assert found is not None
    shutil.rmtree(folder / "labels", ignore_errors=True)  # of a run that ended early
    store = LabelStore(folder / "labels", grid, found.blocks.edges, len(found), planes=job.tiff)
    total = len(found.blocks) + (0 if job.tiff else store.coarser_chunks)
    total += 0 if job.table is None else len(found.blocks)
    last = replace(last, done=0, total=total, message="Writing the labels", takes="", writing=True)
    blocks, labelling = range(len(found.blocks)), Labelling(found, store.aligned)
    measuring = Measuring(found, store.aligned[0][0])
    with (
        writing(job.table or job.output),
        closing(place.each(labelling, blocks, threads=2)) as labels,
        closing(place.each(measuring, blocks)) as rows,
    ):
        for _ in labels:
            made()  # while workers write the next ones: it may have to read the image
            piece()
            yield (last := replace(last, done=last.done + 1))
        if job.table is not None:
            with atomic_file(folder / TABLE) as table:
                table.write(measuring(job.model, job.image).do(None))
                for own in rows:
                    table.write(own)
                    piece()
                    last = replace(last, done=last.done + 1)
                    yield replace(last, message="Measuring the objects")
        about = {**made(), **({} if job.tiff else about_run(folder, len(found)))}
        if job.tiff:
            image = job.image
            tiff = folder / job.output.name
            write_large_tiff(tiff, store.finest, image.pixel_size, image.unit, about, piece)
            return
        source = None if job.host is None else "../../"
        for _ in store.finish(stem(job.output), about, source):
            piece()
            yield (last := replace(last, done=last.done + 1))

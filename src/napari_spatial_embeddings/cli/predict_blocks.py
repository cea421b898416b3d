"""``predict`` of one image that may be larger than memory, block by block, into one file."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.core.text import plural

from .predicting.block_job import BlockJob, check_not_itself, size
from .predicting.unfinished import unfinished
from .stop_request import StopRequest

if TYPE_CHECKING:
    from napari_spatial_embeddings.export.label_store import LabelGrid
    from napari_spatial_embeddings.inference.block_run import BlockReport
    from napari_spatial_embeddings.inference.found_blocks import FoundBlocks

TABLE = "table.csv"
"""Name of the table until it is complete."""

ENOUGH_BLOCKS = 3
"""Blocks after which it is stated what the whole image takes."""


def predict_in_blocks(job: BlockJob) -> int:
    """Segment an image block by block and write its labels, and its table if asked for."""
    from napari_spatial_embeddings.core.units import spacing_of
    from napari_spatial_embeddings.export.label_store import LabelGrid, publish

    image = job.image
    check_not_itself(job)
    if job.host is not None:
        grid = LabelGrid.like(job.host, image.shape)
    else:
        spacing = spacing_of(image.pixel_size) or job.model.settings.spacing
        grid = LabelGrid.of(image.shape, spacing, image.pixel_size, image.unit)
    stop = StopRequest()
    with unfinished(job.beside) as folder, stop.signals():
        last = _find(job, folder, stop)
        _write(job, last, grid, folder, stop)
        if job.table:
            (folder / TABLE).replace(job.table_path)
        if job.tiff:
            (folder / job.output.name).replace(job.output)
        else:
            publish(folder / "labels", job.output, job.host)
    return _summary(job, last)


def _find(job: BlockJob, folder: Path, stop: StopRequest) -> BlockReport:
    """Find the objects, with a bar, and state what that takes after the first blocks."""
    from tqdm import tqdm

    from napari_spatial_embeddings.files import state_of
    from napari_spatial_embeddings.files.errors import writing
    from napari_spatial_embeddings.inference.block_segmentation import segment_blocks

    silent = True if job.as_json else None
    report: BlockReport | None = None
    stated = False
    with writing(job.beside), job.workers.place(job.read, job.name) as place:
        if place is not None and place.dashboard:
            job.line(f"dashboard of the workers: {place.dashboard}")
        if place is not None and not place.threads:
            job.line("the scheduler has no workers yet: waiting for one")
        work = segment_blocks(
            job.model,
            job.image,
            job.clustering,
            job.prediction,
            job.blocks,
            folder,
            cancelled=stop.cancelled,
            place=place,
            source=f"{state_of(job.path)}, {job.how}",
        )
        with tqdm(disable=silent, unit="block", desc=job.image.name) as bar:
            for report in work:
                if not bar.total:
                    _note_earlier(job, report)
                bar.total = report.total
                bar.update(report.done - bar.n)
                new = report.done - report.resumed
                if not stated and new >= ENOUGH_BLOCKS and report.done < report.total:
                    stated = True
                    job.line(_estimate(report, folder, apart=place is not None))
    assert report is not None
    return report


def _note_earlier(job: BlockJob, report: BlockReport) -> None:
    """State what of an earlier run is used, or why nothing is."""
    if report.changed:
        *names, last = report.changed
        both = f"{', '.join(names)} and {last}" if names else last
        job.line(f"{both} changed since the last run, which ended early: nothing of it is used")
    elif report.resumed:
        job.line(f"{report.resumed} of {plural(report.total, 'block')} were done by an earlier run")


def _estimate(report: BlockReport, folder: Path, *, apart: bool) -> str:
    """Return a sentence about what an image takes, from its first blocks."""
    minutes = (report.seconds_left or 0) / 60
    left = f"{minutes:.0f} min" if minutes >= 2 else f"{60 * minutes:.0f} s"
    each = " in each worker" if apart else ""
    text = (
        f"{report.total} blocks: about {left} left, {size(report.memory)} of memory{each} and up to"
        f" {size(report.disk)} of disk meanwhile"
    )
    free = shutil.disk_usage(folder).free
    return text if free > report.disk else f"{text}, of which only {size(free)} are free"


def _write(
    job: BlockJob, last: BlockReport, grid: LabelGrid, folder: Path, stop: StopRequest
) -> None:
    from tqdm import tqdm

    from napari_spatial_embeddings.export.label_store import LabelStore
    from napari_spatial_embeddings.export.large_tiff import write_large_tiff
    from napari_spatial_embeddings.export.objects import objects_writer
    from napari_spatial_embeddings.files import stem
    from napari_spatial_embeddings.files.errors import writing

    found = last.found
    if found is None:
        raise KeyboardInterrupt
    about = {
        "model": job.name,
        "clustering": job.clustering.model_dump(),
        "blocks": job.blocks.model_dump(),
    }
    shutil.rmtree(folder / "labels", ignore_errors=True)  # of a run that ended early
    store = LabelStore(folder / "labels", grid, found.blocks.edges, len(found), planes=job.tiff)
    silent = True if job.as_json else None
    with ExitStack() as opened:
        bar = opened.enter_context(tqdm(disable=silent, desc="writing", leave=False))
        opened.enter_context(writing(job.table_path if job.table else job.output))
        add = opened.enter_context(objects_writer(folder / TABLE)) if job.table else None
        if add is not None:
            add(_rows(job, found, None))

        def written() -> None:
            bar.update()
            if stop.cancelled():
                raise KeyboardInterrupt

        for k in range(len(found.blocks)):
            store.write(found.blocks.core(k), found.labels(k))
            if add is not None:
                add(_rows(job, found, k))
            written()
        if job.tiff:
            image = job.image
            path = folder / job.output.name
            write_large_tiff(path, store.finest, image.pixel_size, image.unit, about, written)
            return
        source = None if job.host is None else "../../"
        for _ in store.finish(stem(job.output), about, source):
            written()


def _rows(job: BlockJob, found: FoundBlocks, k: int | None) -> dict[str, list[Any]]:
    """Return the table of a block's objects; without rows, of no block."""
    from napari_spatial_embeddings.core.image_data import sliced
    from napari_spatial_embeddings.core.instances import Corrections
    from napari_spatial_embeddings.export.objects import objects_table

    image, data = job.image, None
    one = None if k is None else found.instances(k)
    if one is None:
        instances = Corrections.none((1,) * image.ndim).instances()
        data = sliced(image.data, (slice(None), *(slice(0, 1),) * image.ndim))
    else:
        instances, window = one
        data = sliced(image.data, (slice(None), *window))
    return objects_table(
        instances,
        job.model.settings.classes,
        data,
        image.pixel_size,
        image.unit,
        found.spacing,
    )


def _summary(job: BlockJob, last: BlockReport) -> int:
    found = last.found
    assert found is not None
    if job.as_json:
        written: dict[str, Any] = {"labels": str(job.output), "objects": len(found)}
        written |= {"cut": last.cut, "narrow": last.narrow, "contested": found.contested}
        sys.stdout.write(json.dumps({"written": [written], "failed": []}) + "\n")
    else:
        job.line(f"{job.output}: {plural(len(found), 'object')}")
    if last.cut:
        places = ", ".join(str(tuple(pixel)) for pixel in last.cut[:3])
        sys.stderr.write(
            f"{plural(len(last.cut), 'object')} did not fit in a block's halo and may lack a part,"
            f" at {places}{' ...' if len(last.cut) > 3 else ''}; choose a larger --block\n"
        )
    if found.contested:
        sys.stderr.write(
            f"{plural(found.contested, 'pixel')} were claimed by two blocks and went to the object"
            " of higher score; a larger --block-halo avoids that\n"
        )
    return 0

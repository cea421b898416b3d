"""``predict`` of one image that may be larger than memory, block by block, into one file."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.core.text import plural

from .predicting.block_job import BlockJob
from .predicting.workers import note_workers
from .stop_request import StopRequest

if TYPE_CHECKING:
    from tqdm import tqdm

    from napari_spatial_embeddings.large.segmentation import LargeReport


def predict_in_blocks(job: BlockJob) -> int:
    """Segment an image block by block and write its labels, and its table if asked for."""
    from napari_spatial_embeddings.inference.workers.dask_blocks import DaskBlocks
    from napari_spatial_embeddings.large.segmentation import segment_large

    stop, bars = StopRequest(), _Bars(job)
    with stop.signals(), job.workers.connected(job.work.name) as workers, bars:
        note_workers(workers, job.line)
        place = None if workers is None else DaskBlocks(workers, job.read)
        work = segment_large(
            job.work, place, cancelled=stop.cancelled, kept=note_kept, written=bars.written
        )
        report: LargeReport | None = None
        for report in work:
            bars.show(report)
    if report is None or not report.finished:
        raise KeyboardInterrupt
    return _summary(job, report)


def note_kept(folder: Path) -> None:
    """State on stderr where it is kept what is done."""
    sys.stderr.write(f"what is done is kept in {folder}; the same command goes on from there\n")


class _Bars(ExitStack):
    """The bars of a run, and the lines above them.

    Parameters
    ----------
    job : BlockJob
    """

    def __init__(self, job: BlockJob) -> None:
        super().__init__()
        self._job = job
        self._finding: tqdm[Any] | None = None
        self._writing: tqdm[Any] | None = None

    def _new(self, **options: Any) -> tqdm[Any]:
        from tqdm import tqdm

        return self.enter_context(tqdm(disable=True if self._job.as_json else None, **options))

    def show(self, report: LargeReport) -> None:
        """Show how many blocks are done, and what is known of the run."""
        from napari_spatial_embeddings.large.estimate import earlier_run

        if report.writing:
            return
        blocks = report.blocks
        if self._finding is None:
            self._finding = self._new(unit="block", desc=self._job.work.image.name)
            if earlier := earlier_run(blocks):
                self._job.line(earlier)
        self._finding.total = blocks.total
        self._finding.update(blocks.done - self._finding.n)
        if report.takes:
            self._job.line(report.takes)

    def written(self) -> None:
        """Count a piece that is written."""
        if self._finding is not None:
            self._finding.close()
        if self._writing is None:
            self._writing = self._new(desc="writing", leave=False)
        self._writing.update()


def _summary(job: BlockJob, report: LargeReport) -> int:
    from napari_spatial_embeddings.large.estimate import warnings_of

    last, output = report.blocks, job.work.output
    found = last.found
    assert found is not None
    if job.as_json:
        written: dict[str, Any] = {"labels": str(output), "objects": len(found)}
        written |= {"cut": last.cut, "narrow": last.narrow, "contested": found.contested}
        sys.stdout.write(json.dumps({"written": [written], "failed": []}) + "\n")
    else:
        job.line(f"{output}: {plural(len(found), 'object')}")
    for text in warnings_of(last, "a larger --block-halo", "a larger --block"):
        sys.stderr.write(f"{text}\n")
    return 0

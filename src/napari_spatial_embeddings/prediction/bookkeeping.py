"""Bookkeeping of a run: which images are left to do, and what becomes of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from napari_spatial_embeddings.errors import InputError

from .done import DoneImages
from .inputs import Input
from .reports import Clock, InputReport
from .run import PredictRun
from .summary import ImageSummary
from .unusable import Unusable, reason_of


def left_to_do(
    run: PredictRun, inputs: Sequence[Input], done: DoneImages, clock: Clock
) -> Iterator[InputReport]:
    """Yield a first report of each image, which is the last one of those that are left out."""
    for index, one in enumerate(inputs):
        first = InputReport(index, len(inputs), one)
        if not one.wanted():
            first = replace(first, summary=ImageSummary(one.name, one.well))
        else:
            for labels in run.outputs.places(one):
                if (summary := done.find(one, labels)) is not None:
                    first = replace(first, summary=summary, labels=labels, earlier=True)
        if first.finished:
            clock.leave_out()
        yield first


def tried(report: InputReport, reports: Iterable[InputReport]) -> Iterator[InputReport]:
    """Yield the reports of an image; what makes it unusable becomes its last one."""
    try:
        for report in reports:
            yield report
    except (Unusable, InputError) as error:
        yield skipped(report, error)


def skipped(report: InputReport, error: Unusable | InputError) -> InputReport:
    """Return the last report of an image that cannot be used."""
    reason, one = reason_of(error), report.one
    return replace(
        report,
        message=str(reason),
        opened=False,
        note="",
        found=None,
        summary=ImageSummary(one.name, one.well, error=str(reason)),
        error=reason,
    )


def keep(done: DoneImages, report: InputReport) -> None:
    """Keep that an image is done, if it is, and nothing of it lacks."""
    if report.summary is not None and report.labels is not None and not report.lacks:
        done.add(report.one, report.labels, report.summary)

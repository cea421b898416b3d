"""Prediction of many images into files, here or by workers, as a generator of reports."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .bookkeeping import keep, left_to_do, tried
from .done import DoneImages
from .inputs import Input
from .reports import Clock, InputReport
from .run import PredictRun
from .shared import share_inputs
from .sized import sized_by_some

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.workers.dask_workers import DaskWorkers


def predict_inputs(
    run: PredictRun,
    inputs: Sequence[Input],
    done: DoneImages,
    workers: DaskWorkers | None = None,
) -> Generator[InputReport, None, None]:
    """Segment images and time series; one that is bad does not stop the rest.

    A frame that is bad does not stop the rest of its series either. Where the objects' size is to
    be found, it is first looked for in some of all images: see `sized.sized_by_some`.

    Parameters
    ----------
    run : PredictRun
    inputs : sequence of Input
    done : DoneImages
        Those that an earlier run did, which are left out; those of this one are added.
    workers : DaskWorkers, optional
        That do the work, in an order of their own; the results are the same.

    Yields
    ------
    InputReport
        Before an image is read, after that, after every tile and frame, and once it is done. With
        workers, after each image, frame, tile and block that one has done, and every second.

    Raises
    ------
    InputError, Failure
        If nothing more can be written, or the workers cannot be used.
    """
    run = replace(run, diameters=(yield from sized_by_some(run, inputs)))
    if run.diameters is not None:
        done = done.with_facts(run.diameters.facts)
    clock = Clock(len(inputs))
    if workers is not None:
        yield from share_inputs(run, inputs, done, workers, clock)
        return
    for first in left_to_do(run, inputs, done, clock):
        if first.finished:
            yield first
            continue
        first = replace(first, message=f"{first.one.name}: reading", seconds_left=clock.left())
        yield first
        for report in tried(first, run.image(first, done)):
            keep(done, report)
            yield replace(report, seconds_left=clock.left(report.share))
        clock.count(report)

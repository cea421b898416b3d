"""Segmentation of one of many images block by block: what of it becomes a report of the run."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import OutOfMemory

from .reports import InputReport
from .summary import Objects
from .unusable import Unusable

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.places import Place
    from napari_spatial_embeddings.large.job import LargeJob


@dataclass(frozen=True, slots=True)
class LargeFound:
    """What was found in a large image.

    Parameters
    ----------
    objects : list of Objects
        Of its blocks.
    earlier : bool
        Whether they are those of an earlier run, and nothing was done.
    """

    objects: list[Objects]
    earlier: bool = False


def segment_large_image(
    job: LargeJob,
    report: InputReport,
    place: Place | None,
    *,
    again: bool,
    kept: Callable[[Path], object],
    discard: bool,
) -> Generator[InputReport, None, LargeFound | None]:
    """Yield the reports of a large image, and write its results.

    Parameters
    ----------
    job : LargeJob
    report : InputReport
        Its newest one.
    place, kept, discard
        As of `large.segmentation.segment_large`.
    again : bool
        Whether it is segmented even if complete labels are there that would be the same.

    Returns
    -------
    LargeFound
        None if it is not wanted any more.

    Raises
    ------
    Unusable, InputError, Failure
        If it cannot be segmented, or its results cannot be written.
    """
    from napari_spatial_embeddings.large.complete import objects_of_complete
    from napari_spatial_embeddings.large.estimate import earlier_run
    from napari_spatial_embeddings.large.segmentation import segment_large

    one = report.one
    if not again and (there := objects_of_complete(job)) is not None:
        return LargeFound([there], earlier=True)
    objects, first = list[Objects](), True
    try:
        for own in segment_large(job, place, kept=kept, discard=discard):
            if not one.wanted():
                return None
            if (found := own.blocks.found) is not None and not own.writing:  # in files as yet
                blocks = (found.instances(k) for k in range(len(found.blocks)))
                objects = [(b[0].size, b[0].score) for b in blocks if b is not None]
            tiles = report.tiles if own.writing else (own.done, own.total)
            report = replace(report, message=f"{one.name}: {own.message}", tiles=tiles)
            note, first = earlier_run(own.blocks) if first else "", False
            yield replace(report, note=note and f"{one.name}: {note}")
    except OutOfMemory as error:
        raise Unusable(error) from error
    return LargeFound(objects)

"""Sentences about a run: what it takes, and what of an earlier one is used."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.core.text import listed, plural

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.block_run import BlockReport

ENOUGH_BLOCKS = 3
"""Blocks after which it is stated what the whole image takes."""


def size(count: float) -> str:
    """Return a number of bytes for users."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def duration(seconds: float) -> str:
    """Return a time that is roughly known, for users."""
    minutes = seconds / 60
    if minutes >= 90:
        return f"{minutes / 60:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 2 else f"{60 * minutes:.0f} s"


def is_known(report: BlockReport) -> bool:
    """Whether enough blocks are done for an `estimate`."""
    return report.done - report.resumed >= ENOUGH_BLOCKS and report.done < report.total


def estimate(report: BlockReport, folder: Path, *, apart: bool) -> str:
    """Return a sentence about what the blocks of a run take, from the first of them.

    Parameters
    ----------
    report : BlockReport
    folder : path
        For what is kept meanwhile.
    apart : bool
        Whether workers do the work.
    """
    each = " in each worker" if apart else ""
    held = f", {size(report.gpu_memory)} of the GPU's" if report.gpu_memory else ""
    blocks = report.total - report.resumed
    # Tiles are predicted ahead of their blocks: blocks alone do not show what share is done.
    seconds = report.seconds + (report.seconds_left or 0)
    text = (
        f"{blocks} blocks: about {duration(seconds)}, {size(report.memory)} of memory{each}{held}"
        f" and up to {size(report.disk)} of disk meanwhile"
    )
    free = shutil.disk_usage(folder).free
    return text if free > report.disk else f"{text}, of which only {size(free)} are free"


def earlier_run(report: BlockReport) -> str:
    """Return a sentence about an earlier run that ended early: what of it is used, or why nothing.

    Empty if there was none.
    """
    if report.changed:
        text = f"{listed(report.changed)} changed since the last run, which ended early"
        return f"{text}: nothing of it is used"
    if report.resumed:
        return f"{report.resumed} of {plural(report.total, 'block')} were done by an earlier run"
    return ""


def warnings_of(last: BlockReport, halo: str, block: str) -> list[str]:
    """Return sentences about objects that are not to be relied on.

    Parameters
    ----------
    last : BlockReport
        With all objects.
    halo, block : str
        What the settings are called that avoid that.
    """
    found, texts = last.found, []
    if last.cut:
        places = ", ".join(str(tuple(pixel)) for pixel in last.cut[:3])
        texts.append(
            f"{plural(len(last.cut), 'object')} did not fit in a block's halo and may lack a part,"
            f" at {places}{' ...' if len(last.cut) > 3 else ''}; choose {block}"
        )
    if found is not None and found.contested:
        texts.append(
            f"{plural(found.contested, 'pixel')} were claimed by two blocks and went to the object"
            f" of higher score; {halo} avoids that"
        )
    return texts

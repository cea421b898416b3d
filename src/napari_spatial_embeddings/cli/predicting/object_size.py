"""Size of the objects in images, found before they are predicted: the flag, and one file."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_spatial_embeddings.cli.flags import CallError

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.prediction.run import PredictRun
    from napari_spatial_embeddings.prediction.sized import Diameters


def add_size_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--find-diameter`` and ``--find-each-diameter``."""
    parser.add_argument(
        "--find-diameter",
        action="store_true",
        help="Find the object diameter: the model is tried at several sizes on some of the images,"
        " and that is taken for all at which it finds about the same objects as at the next ones."
        " Where images differ in size, each has its own.",
    )
    parser.add_argument(
        "--find-each-diameter",
        action="store_true",
        help="Find it in each image alone.",
    )


def diameters_of(options: argparse.Namespace) -> Diameters | None:
    """Return how diameters are found; None if they are not to be.

    Raises
    ------
    CallError
        If a diameter is given, too.
    """
    from napari_spatial_embeddings.prediction.sized import Diameters

    each = options.find_each_diameter
    if not (options.find_diameter or each):
        return None
    if "object_diameter" in options:
        flag = "--find-each-diameter" if each else "--find-diameter"
        raise CallError(f"{flag}: --object-diameter names one already; leave one out")
    return Diameters(alone=each)


def with_found_diameter(run: PredictRun, image: ImageData) -> PredictRun:
    """Return a run with the diameter of an image's objects, if it is to be found.

    As it is if it is not, or if no object is found at any size. What is found is stated on stderr.

    Raises
    ------
    InputError
        If the image cannot be read.
    """
    if run.diameters is None:
        return run
    from tqdm import tqdm

    from napari_spatial_embeddings.inference.sizes.search import find_diameter, places_in

    how = run.model, places_in(image), run.clustering, run.prediction.device
    with tqdm(disable=None, unit="size", desc="object diameter", leave=False) as bar:
        for report in find_diameter(*how):
            bar.total = report.total
            bar.update(report.done - bar.n)
    found = None if report.found is None else report.found.diameter
    size = f"about {found:.0f} pixels wide" if found else "not found at any size"
    sys.stderr.write(f"{image.name}: objects {size}\n")
    changes = {"object_diameter": found} if found else {}
    return replace(run, prediction=run.prediction.updated(**changes), diameters=None)

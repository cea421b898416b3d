"""``evaluate``: scores of predicted label images against annotated ones."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .flags import CallError, Subparsers, add_axes_flag

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .label_reader import LabelReader


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("evaluate", help="score predicted labels against annotated ones")
    parser.description = (
        "Score label images, or each frame of time series, against annotated ones of the same"
        " names, or the tracks of a time series against annotated ones."
    )
    parser.add_argument("--labels", required=True, metavar="DIR", help="Annotated label images.")
    parser.add_argument("--predictions", required=True, metavar="DIR", help="Predicted ones.")
    parser.add_argument(
        "--tracks",
        action="store_true",
        help="Both are one time series, a file or a folder of its frames, in which a cell has one"
        " label; parents are read from res_track.txt or man_track.txt in the folder.",
    )
    for side, name in (("label", "annotated label images'"), ("prediction", "predictions'")):
        parser.add_argument(
            f"--{side}-suffix",
            metavar="TEXT",
            default="",
            help=f"End of the {name} names that the others have not, such as _masks; both may be in"
            " one folder then.",
        )
    add_axes_flag(parser)
    parser.add_argument(
        "--channels",
        type=int,
        metavar="N",
        help="Channel that holds the labels, counted from 0, in files that have several.",
    )
    parser.add_argument("--per-image", action="store_true", help="Print every image's scores too.")
    parser.add_argument("--json", action="store_true", help="Print JSON instead of a table.")
    parser.set_defaults(run=evaluate)


def evaluate(options: argparse.Namespace) -> int:
    """Print a table of scores, or JSON, for two folders of label images, or two series."""
    if options.tracks:
        from .evaluate_tracks import evaluate_tracks

        for flag in ("label_suffix", "prediction_suffix", "channels", "per_image"):
            if getattr(options, flag) or (flag == "channels" and options.channels is not None):
                raise CallError(f"--{flag.replace('_', '-')} does not go with --tracks")
        return evaluate_tracks(options)
    import numpy as np
    from tqdm import tqdm

    from napari_spatial_embeddings.core import metrics
    from napari_spatial_embeddings.files import Side, pair

    from . import tables
    from .label_reader import LabelReader

    scores, reader = {}, LabelReader(options.axes, options.channels)
    bar = tqdm(
        pair(
            Side(Path(options.labels), options.label_suffix),
            Side(
                Path(options.predictions),
                options.prediction_suffix,
                what="prediction",
                flag="--prediction-suffix",
            ),
        ),
        disable=True if options.json else None,
        leave=False,
        unit="image",
    )
    for truth_path, predicted_path in bar:
        for name, truth, predicted in _compared(reader, truth_path, predicted_path):
            # As in training, negative labels mark unknown pixels.
            unknown = truth < 0
            objects = np.maximum(truth, 0), np.maximum(predicted, 0)
            scores[name] = metrics.score(*objects, ignore=unknown)
    reader.report_masks()
    if options.json:
        sys.stdout.write(json.dumps(tables.scores_as_json(scores)) + "\n")
    else:
        sys.stdout.write(tables.scores_as_text(scores, options.per_image))
    return 0


def _compared(
    reader: LabelReader, truth_path: Path, predicted_path: Path
) -> Iterator[tuple[str, NDArray[np.integer], NDArray[np.integer]]]:
    """Yield the name and both labels of an image, or of each frame of a time series."""
    from napari_spatial_embeddings.files import is_series

    paths = truth_path, predicted_path
    if any(is_series(path, reader.axes) for path in paths):
        truth, predicted = (reader.series(path).data for path in paths)
        _check_shapes(paths, truth.shape, predicted.shape)
        for t in range(truth.shape[0]):
            yield f"{truth_path.name}, frame {t}", truth[t], predicted[t]
        return
    labels = reader.read(truth_path), reader.read(predicted_path)
    _check_shapes(paths, *(one.shape for one in labels))
    yield truth_path.name, *labels


def _check_shapes(
    paths: tuple[Path, Path], truth: tuple[int, ...], predicted: tuple[int, ...]
) -> None:
    if truth != predicted:
        raise CallError(
            f"{paths[0]} has shape {truth}, {paths[1]} has {predicted}; they must cover the same"
            " pixels"
        )

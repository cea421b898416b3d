"""The command line's commands, flags and help."""

from __future__ import annotations

import argparse

from napari_spatial_embeddings import PROGRAM, __version__
from napari_spatial_embeddings.config import (
    FOUND,
    ClusteringSettings,
    ModelSettings,
    PredictionSettings,
    TrainingSettings,
)

from . import inform, segment, train
from .flags import Parser, add_flags

OWN = dict.fromkeys(ClusteringSettings.model_fields, "the model's")
MEASURED = dict.fromkeys(("working_diameter", "offset_range"), "from the data")
"""Where defaults come from that are not the fields' own."""


def build_parser() -> argparse.ArgumentParser:
    """Return the whole command line's parser."""
    root = Parser(
        prog=PROGRAM,
        description="Teach microscope images to segment themselves.",
        epilog=f"'{PROGRAM} COMMAND --help' explains a command.",
    )
    root.add_argument("--version", action="version", version=__version__)
    add = root.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser
    _demo(add("demo", help="train, predict and score on a generated image: see that it works"))
    _train(add("train", help="train a model on annotated images"))
    _predict(add("predict", help="segment images with a model"))
    _cluster(add("cluster", help="recover instances from saved maps: no network, no GPU"))
    _evaluate(add("evaluate", help="score predicted labels against annotated ones"))
    _models(add("models", help="list the models that come with the package, or show one"))
    _devices(add("devices", help="list where networks can be trained and run on this machine"))
    return root


def _train(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train a model on images and label images of the same names, or on a project. The best"
        " model so far is in the output folder at any time; Ctrl+C stops and keeps it."
    )
    files = parser.add_argument_group("files")
    files.add_argument(
        "--project",
        metavar="DIR",
        help="A project's folder: it tells images, annotations, settings and the model to start"
        " from, and the model goes into it. Flags of training count more than its settings.",
    )
    files.add_argument("--images", metavar="DIR", help="Folder of images.")
    files.add_argument("--labels", metavar="DIR", help="Folder of label images.")
    files.add_argument("--output", metavar="DIR", help="Folder for the model.")
    files.add_argument(
        "--model", metavar="NAME_OR_DIR", help="Model to start from; a fresh one if not given."
    )
    files.add_argument(
        "--fresh", action="store_true", help="Start anew rather than from the project's model."
    )
    files.add_argument("--val-images", metavar="DIR", help="Images to choose the best model by.")
    files.add_argument("--val-labels", metavar="DIR", help="Their label images.")
    files.add_argument("--resume", action="store_true", help="Go on with the output's training.")
    meaning = parser.add_argument_group("what the labels mean")
    meaning.add_argument(
        "--unlabelled",
        choices=["background", "ignore"],
        help="What unlabelled pixels are: background, or unknown outside regions (without regions:"
        " outside a thin ring around each object). [background]",
    )
    meaning.add_argument(
        "--regions",
        metavar="DIR",
        help="Where images are annotated completely: a mask image or a napari shapes CSV each.",
    )
    meaning.add_argument(
        "--classes",
        metavar="CSV",
        help="Table with the columns label, class (and image). The class 'background' marks"
        " strokes that are no object.",
    )
    meaning.add_argument(
        "--scribbles",
        action="store_true",
        help="Labels are strokes inside their objects; everything unlabelled is unknown.",
    )
    _axes(meaning)
    meaning.add_argument(
        "--pixel-size",
        nargs="+",
        type=float,
        metavar="SIZE",
        help="Size of a pixel along each axis; read from the files if not given.",
    )
    parser.add_argument("--json", action="store_true", help="Report as lines of JSON on stdout.")
    parser.add_argument(
        "--stop-on-stdin",
        action="store_true",
        help="Stop, and keep the best model, at a line 'stop' on stdin or at its end: for programs"
        " that start this one.",
    )
    add_flags(parser, TrainingSettings, title="training")
    add_flags(parser, ModelSettings, title="a fresh model", skip=FOUND, defaults=MEASURED)
    parser.set_defaults(run=train.train)


def _predict(parser: argparse.ArgumentParser) -> None:
    parser.description = "Segment images; each one's labels land as NAME.tif in the output folder."
    text = "Images, or folders of images; all of the project's if none is given."
    parser.add_argument("input", nargs="*", metavar="INPUT", help=text)
    parser.add_argument(
        "--project",
        metavar="DIR",
        help="A project's folder: it tells images, model and settings, unless others are given.",
    )
    text = "The model; the project's if not given."
    parser.add_argument("--model", metavar="NAME_OR_DIR", help=text)
    text = "Folder for the results; the project's folder 'results' if not given."
    parser.add_argument("--output", metavar="DIR", help=text)
    _outputs(parser)
    parser.add_argument("--maps", action="store_true", help="Write the maps too: NAME.maps.zarr.")
    _axes(parser)
    add_flags(parser, ClusteringSettings, title="clustering", defaults=OWN)
    add_flags(parser, PredictionSettings, title="prediction")
    parser.set_defaults(run=segment.predict)


def _cluster(parser: argparse.ArgumentParser) -> None:
    parser.description = "Recover the instances of maps that 'predict --maps' wrote."
    text = "Folders named NAME.maps.zarr, or folders of these."
    parser.add_argument("maps", nargs="+", metavar="MAPS", help=text)
    parser.add_argument("--output", required=True, metavar="DIR", help="Folder for the results.")
    _outputs(parser)
    add_flags(parser, ClusteringSettings, title="clustering", defaults=OWN)
    parser.set_defaults(run=segment.cluster)


def _evaluate(parser: argparse.ArgumentParser) -> None:
    parser.description = "Score label images against annotated ones of the same names."
    parser.add_argument("--labels", required=True, metavar="DIR", help="Annotated label images.")
    parser.add_argument("--predictions", required=True, metavar="DIR", help="Predicted ones.")
    parser.add_argument("--per-image", action="store_true", help="Print every image's scores too.")
    parser.add_argument("--json", action="store_true", help="Print JSON instead of a table.")
    parser.set_defaults(run=inform.evaluate)


def _models(parser: argparse.ArgumentParser) -> None:
    parser.description = "The models that come with the package, and the cards of all models."
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list the models that come with the package")
    listing.set_defaults(run=inform.list_models)
    show = actions.add_parser("show", help="show a model's card")
    show.add_argument("model", metavar="NAME_OR_DIR")
    show.set_defaults(run=inform.show_model)


def _devices(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Where networks can be trained and run on this machine. The first line is what the device"
        " 'auto' stands for; a last one says what to do if a graphics card is not used."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON instead of lines.")
    parser.set_defaults(run=inform.list_devices)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "The main job, start to end, on a generated image: train on a few annotated objects,"
        " predict, cluster, score the objects it did not see, write labels, maps and a picture."
    )
    parser.add_argument(
        "--output", default="demo", metavar="DIR", help="Folder for the results. [demo]"
    )
    parser.add_argument(
        "--minutes", type=float, default=1.5, metavar="X", help="Minutes to train. [1.5]"
    )
    parser.add_argument("--json", action="store_true", help="Print the scores as JSON.")
    parser.set_defaults(run=inform.demo)


def _outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--table", action="store_true", help="Write each image's objects: NAME.csv."
    )
    parser.add_argument("--ome", action="store_true", help="Write OME-TIFF: NAME.ome.tif.")
    parser.add_argument("--json", action="store_true", help="Print a summary as JSON.")


def _axes(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    parser.add_argument(
        "--axes",
        metavar="AXES",
        help="Meaning of the images' axes, such as YX, CYX, YXC, ZYX, CZYX; read or guessed from"
        " the files if not given.",
    )

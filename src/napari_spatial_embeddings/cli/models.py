"""``models``: the models that have a name, the card of any, and their exchange with others."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .flags import Subparsers

KINDS = {
    "zip": "the model's folder, to be shared with users of this program",
    "onnx": "for onnxruntime and others: a folder with a NumPy reference of the clustering, a .zip"
    " of it, or a single .onnx",
    "bioimageio": "for bioimage.io and its consumers: a folder or a .zip",
}


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    text = "list, show, share and import models"
    parser = subparsers.add_parser("models", help=text)
    parser.description = "The models that have a name, the cards of all, and their exchange."
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list the models that have a name")
    listing.description = "List the models that come with the package, and the imported ones."
    listing.set_defaults(run=list_models)
    show = actions.add_parser("show", help="show a model's card")
    show.add_argument("model", metavar="NAME_OR_DIR")
    show.set_defaults(run=show_model)
    _add_exchange(actions)
    rename = actions.add_parser("rename", help="give an imported model another name")
    rename.description = "Give an imported model another name."
    rename.add_argument("model", metavar="NAME")
    rename.add_argument("new", metavar="NEW_NAME")
    rename.set_defaults(run=rename_model)
    delete = actions.add_parser("delete", help="delete an imported model")
    delete.description = "Delete an imported model."
    delete.add_argument("model", metavar="NAME")
    delete.set_defaults(run=delete_model)
    path = actions.add_parser("path", help="print the folder of a model")
    path.description = "Print the folder of a model."
    path.add_argument("model", metavar="NAME_OR_DIR")
    path.set_defaults(run=print_path)


def _add_exchange(actions: Subparsers) -> None:
    export = actions.add_parser("export", help="write a model for others")
    export.description = "Write a model for others; existing files are not replaced."
    export.add_argument("model", metavar="NAME_OR_DIR")
    kinds = "; ".join(f"{kind}: {what}" for kind, what in KINDS.items())
    export.add_argument("--format", required=True, choices=tuple(KINDS), help=f"{kinds}.")
    export.add_argument("--output", required=True, metavar="PATH", help="New file or folder.")
    export.add_argument(
        "--author",
        action="append",
        default=[],
        metavar="NAME",
        help="Who made the model, for bioimageio; may be given several times.",
    )
    export.add_argument(
        "--licence",
        metavar="SPDX",
        help="Licence of the model by its short name in SPDX, such as CC-BY-4.0, for bioimageio.",
    )
    export.set_defaults(run=export_model)
    importing = actions.add_parser("import", help="import a model that someone shared")
    importing.description = (
        "Import a model: its folder, a zip of it, or an export as ONNX or for bioimage.io. A zip is"
        " checked before it is unpacked, and nothing in it is executed."
    )
    importing.add_argument("path", metavar="PATH")
    importing.add_argument(
        "--name", metavar="NAME", help="Name of the model; the file's if not given."
    )
    importing.set_defaults(run=import_model)


def list_models(_: argparse.Namespace) -> int:
    """Print a line for each model that has a name."""
    from napari_spatial_embeddings.errors import InputError
    from napari_spatial_embeddings.inference.library import imported
    from napari_spatial_embeddings.inference.model_card import ModelCard
    from napari_spatial_embeddings.inference.registry import shipped

    models = shipped()
    for name, card in models.items():
        _print_model(name, card.settings.working_diameter, card.about.get("summary", ""))
    if not models:
        sys.stdout.write("no models come with this version; train your own with 'train'\n")
    for name, folder in imported().items():
        try:
            card = ModelCard.read(folder)
        except InputError as error:
            sys.stdout.write(f"{name:12} cannot be used: {error}\n")
            continue
        size = card.diameter
        _print_model(name, size, f"imported; {card.about.get('summary', '')}".rstrip("; "))
    return 0


def _print_model(name: str, diameter: float, about: str) -> None:
    sys.stdout.write(f"{name:12} {about}; objects about {diameter:.0f} pixels across\n")


def show_model(options: argparse.Namespace) -> int:
    """Print a model's card as JSON."""
    from napari_spatial_embeddings.inference.registry import find_model

    card = find_model(options.model).card()
    sys.stdout.write(json.dumps(card, indent=1) + "\n")
    return 0


def export_model(options: argparse.Namespace) -> int:
    """Write a model for others."""
    from napari_spatial_embeddings.inference.exchange import exporting

    written = exporting.export_model(
        options.model,
        options.format,
        Path(options.output),
        authors=options.author,
        licence=options.licence,
    )
    sys.stdout.write(f"{written}\n")
    return 0


def import_model(options: argparse.Namespace) -> int:
    """Import a model into the user's library."""
    from napari_spatial_embeddings.inference.exchange import importing

    folder = importing.import_model(options.path, options.name)
    sys.stdout.write(f"{folder.name}: use it with --model {_quoted(folder.name)}\n")
    return 0


def rename_model(options: argparse.Namespace) -> int:
    """Rename an imported model."""
    from napari_spatial_embeddings.inference.library import rename

    sys.stdout.write(f"{rename(options.model, options.new).name}\n")
    return 0


def delete_model(options: argparse.Namespace) -> int:
    """Delete an imported model."""
    from napari_spatial_embeddings.inference.library import delete

    delete(options.model)
    return 0


def print_path(options: argparse.Namespace) -> int:
    """Print the folder of a model."""
    from napari_spatial_embeddings.inference.registry import find_folder

    sys.stdout.write(f"{find_folder(options.model).absolute()}\n")
    return 0


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name

"""``models``: a list of the shipped models, and the card of any model."""

from __future__ import annotations

import argparse
import json
import sys

from .flags import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its two actions."""
    text = "list the models that come with the package, or show one"
    parser = subparsers.add_parser("models", help=text)
    parser.description = "The models that come with the package, and the cards of all models."
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list the models that come with the package")
    listing.set_defaults(run=list_models)
    show = actions.add_parser("show", help="show a model's card")
    show.add_argument("model", metavar="NAME_OR_DIR")
    show.set_defaults(run=show_model)


def list_models(_: argparse.Namespace) -> int:
    """Print a line for each shipped model."""
    from napari_spatial_embeddings.inference.registry import shipped

    models = shipped()
    for name, card in models.items():
        diameter = card.settings.working_diameter
        about = card.about.get("summary", "")
        sys.stdout.write(f"{name:12} {about}; objects about {diameter:.0f} pixels across\n")
    if not models:
        sys.stdout.write("no models come with this version; train your own with 'train'\n")
    return 0


def show_model(options: argparse.Namespace) -> int:
    """Print a model's card as JSON."""
    from napari_spatial_embeddings.inference.registry import find_model

    card = find_model(options.model).card()
    sys.stdout.write(json.dumps(card, indent=1) + "\n")
    return 0

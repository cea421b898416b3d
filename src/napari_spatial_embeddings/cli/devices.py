"""``devices``: a list of the devices of this machine."""

from __future__ import annotations

import argparse
import json
import sys

from .flags import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    text = "list where networks can be trained and run on this machine"
    parser = subparsers.add_parser("devices", help=text)
    parser.description = (
        "Where networks can be trained and run on this machine. The first line is what the device"
        " 'auto' stands for; a last one gives advice if a graphics card is not used."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON instead of lines.")
    parser.set_defaults(run=list_devices)


def list_devices(options: argparse.Namespace) -> int:
    """Print the devices, the preferred one first, and advice if a graphics card is not used."""
    from dataclasses import asdict

    from napari_spatial_embeddings.inference.devices import advice, devices

    found, hint = devices(), advice()
    if options.json:
        facts = {"devices": [asdict(device) for device in found], "advice": hint}
        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        sys.stdout.write("".join(f"{device}\n" for device in found))
        sys.stdout.write(f"{hint}\n" if hint else "")
    return 0

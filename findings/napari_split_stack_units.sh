#!/usr/bin/env bash
# napari's Split Stack keeps the numbers of the scale and drops their unit.
#
# Expected: splitting channels off a stack of 0.5 um pixels gives images of 0.5 um pixels with the
#   axes' names; the function says "All other properties, such as scale and translate will be
#   propagated from the original stack".
# Seen: the scale stays 0.5 and the unit becomes "pixel"; axis labels become "-3", "-2", "-1". The
#   metadata are copied as they are, with whatever they say of the axis that is gone. Merging the
#   channels again does not bring unit and names back. Beside a layer that has units, such a channel
#   takes those of the whole viewer away: the extent's units are None, and the channel of a stack in
#   micrometers is 1,000 times smaller than the same image in nanometers, over which the stack lay.
# Versions: napari 0.9.2; seen on 2026-11-29, Python 3.11, Linux, without a window.
# Known: in the code as `meta['units'] = None`; not found among napari's issues.
# Matters: nearly every multichannel image in napari is split this way. Take the pixel size of a layer
#   only where its unit is a length, and do not believe metadata that were written for other axes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    napari==0.9.2 numpy==2.4.6 scikit-image==0.26.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

import napari
import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from napari.layers.utils.stack_utils import images_to_stack, stack_to_images

print("napari", napari.__version__)


def expect(what, seen, known):
    print(f"{what}: {seen}")
    if seen != known:
        sys.exit(f"napari has changed: {what} was {known}")


def described(layer):
    units = [str(unit) for unit in layer.units]
    return [float(s) for s in layer.scale], units, list(layer.axis_labels)


stack = Image(
    np.zeros((2, 3, 8, 8)),
    scale=(1, 2, 0.5, 0.5),
    units=("pixel", "um", "um", "um"),
    axis_labels=("c", "z", "y", "x"),
    metadata={"axes": "CZYX"},
)
channels = stack_to_images(stack, 0)
known = ([2.0, 0.5, 0.5], ["pixel"] * 3, ["-3", "-2", "-1"])
expect("a channel's scale, units, axes", described(channels[0]), known)
expect("a channel's metadata", channels[0].metadata, {"axes": "CZYX"})
merged = described(images_to_stack(channels, axis=0))
known = (["pixel"] * 4, ["-4", "-3", "-2", "-1"])
expect("merged again: units, axes", merged[1:], known)


def beside(layer):
    """Return the widths of an image in nanometers and of a layer over it, and the viewer's units."""
    viewer = ViewerModel()
    viewer.add_image(np.zeros((3, 8, 8)), scale=(2000, 500, 500), units=("nm", "nm", "nm"))
    viewer.add_layer(layer)
    extent = viewer.layers.extent
    units = extent.units and [str(unit) for unit in extent.units]
    return [float(layer.extent.world[1, -1]) for layer in viewer.layers], units


volume = Image(np.zeros((3, 8, 8)), scale=(2, 0.5, 0.5), units=("um", "um", "um"))
known = ([3500.0, 3.5], ["nanometer"] * 3)
expect("image in nm, volume in um: own widths, viewer's units", beside(volume), known)
expect("image in nm, channel of a stack in um", beside(channels[0]), ([3500.0, 3.5], None))
PY

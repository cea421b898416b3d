#!/usr/bin/env bash
# napari's features table selects the label of a row's number, and not that of its column `index`.
#
# Expected: of a Labels layer whose features have the column `index`, by which napari finds the values
#   that its status bar shows of an object, a click on a row selects the object that the row is of,
#   and picking an object marks its row.
# Seen: the first row selects label 0, the background, the second label 1, and so on, whatever `index`
#   has; picking label 1 marks the second row, and a label above the number of rows marks none. A
#   table of regionprops, whose rows start with label 1, is off by one in both ways.
# Versions: napari 0.9.2; seen on 2026-12-01, Python 3.11, Linux, Qt's platform "offscreen".
# Known: noticed in a review (pull request 8680 of napari); no issue of it was found. Issue 4250 is
#   about the status bar, which uses `index` since.
# Matters: with "show selected" another object than the one clicked is seen, painted or deleted. Give
#   a layer a row for each label from 0 on: then both agree.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    napari==0.9.2 numpy==2.4.6 pandas==3.1.1 PyQt6==6.11.0
QT_QPA_PLATFORM=offscreen "$folder/venv/bin/python" -W ignore - <<'PY'
import sys

import napari
import numpy as np
import pandas as pd
from napari.components import ViewerModel
from napari_builtins._qt.features_table import FeaturesTable
from qtpy.QtWidgets import QApplication

app = QApplication([])
print("napari", napari.__version__)
labels = np.zeros((20, 20), np.int32)
for label, corner in ((1, 2), (2, 8), (7, 14)):
    labels[corner : corner + 4, corner : corner + 4] = label


def seen(table):
    """Return which label each row selects, and which rows each label marks."""
    viewer = ViewerModel()
    layer = viewer.add_labels(labels, features=table)
    print("status bar at label 2:", layer.get_status((9, 9))["value"])
    widget = FeaturesTable(viewer)
    viewer.layers.selection.active = layer
    rows, marks = {}, {}
    for row in range(len(table)):
        widget.table.selectRow(row)
        rows[row] = layer.selected_label
    for label in (1, 2, 7):
        layer.selected_label = label
        found = widget.table.selectionModel().selectedIndexes()
        marks[label] = sorted({index.row() for index in found})
    return rows, marks


def expect(what, found, known):
    print(f"{what}: rows select {found[0]}, labels mark the rows {found[1]}")
    if found != known:
        sys.exit(f"napari has changed: {what} was {known}")


own = pd.DataFrame({"index": [1, 2, 7], "size": [16, 16, 16]})
expect("a row for each object", seen(own), ({0: 0, 1: 1, 2: 2}, {1: [1], 2: [2], 7: []}))
every = pd.DataFrame({"index": range(8), "size": [np.nan, 16, 16, *[np.nan] * 4, 16]})
right = {k: k for k in range(8)}, {1: [1], 2: [2], 7: [7]}
expect("a row for each number", seen(every), right)
PY

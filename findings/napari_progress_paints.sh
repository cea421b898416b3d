#!/usr/bin/env bash
# napari's sign of work under way has the whole window composed some 30 times a second.
#
# Expected: `napari.utils.progress` costs what its bar costs, which is hidden until the activity dock is
#   opened: a small spinner of 18 pixels turns in the status bar, and the canvas has nothing to draw.
# Seen: each picture of the spinner is a paint event of the main window, and as the canvas is an OpenGL
#   widget in it, Qt composes window and canvas anew. With software OpenGL (virtual machines, remote
#   desktops, clusters) a bar that is open and never updated cost a quarter of a processor, all of it
#   in the main thread or waited for by it; the same window without a bar cost nothing.
# Versions: napari 0.9.2, PySide6 6.11.0, Mesa's llvmpipe; seen on 2026-11-29, Linux, Xvfb.
# Known: that the spinner stutters while the main thread works is in napari/napari#2656; that it costs
#   time, and how much, was not found. That Qt composes the whole window is known of QOpenGLWidget.
# Matters: a plugin that shows a training or a prediction of minutes as `progress` makes painting and
#   panning slower meanwhile. Stop the movie of the spinner, or open the bar only for short work.
set -euo pipefail

command -v xvfb-run >/dev/null || { echo "this needs xvfb-run" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    napari==0.9.2 pyside6==6.11.0 numpy==2.4.6 scikit-image==0.26.0
cd "$folder"
cat > spinner.py <<'PY'
import sys
import time

import napari
import numpy as np
import PySide6
from napari.utils import progress
from qtpy.QtCore import QEvent, QEventLoop, QObject, QTimer

print("napari", napari.__version__, "PySide6", PySide6.__version__)
SECONDS = 10


class Paints(QObject):
    """Counts the paint events of a window."""

    count = 0

    def eventFilter(self, watched, event):
        self.count += event.type() == QEvent.Type.Paint
        return False


def live():
    """Let the window live; return its paints, and processor time of all threads, each a second."""
    paints, loop = Paints(), QEventLoop()
    window.installEventFilter(paints)
    worked, start = time.process_time(), time.monotonic()
    QTimer.singleShot(1000 * SECONDS, loop.quit)
    loop.exec()
    window.removeEventFilter(paints)
    passed = time.monotonic() - start
    return paints.count / passed, (time.process_time() - worked) / passed


viewer = napari.Viewer()
viewer.add_image(np.random.default_rng(0).random((512, 512)))
window = viewer.window._qt_window
live()
found = {"no bar": live()}
bar = progress(total=100)
found["an open bar, never updated"] = live()
bar.close()
found["closed again"] = live()
for what, (paints, share) in found.items():
    print(f"{what}: {paints:.1f} paints of the window a second, {share:.1%} of a processor")
paints, shares = zip(*found.values())
if max(paints[0], paints[2]) > 2 or paints[1] < 10:
    sys.exit("it has changed: the window was painted 0 times a second without a bar, 32 with one")
if shares[1] < 3 * shares[0]:
    sys.exit("it has changed: the process worked more than three times as much with a bar")
sys.stdout.flush()
PY
xvfb-run -a -s "-screen 0 1280x800x24" venv/bin/python -W ignore spinner.py 2>/dev/null

"""The plugin in an interpreter of its own: what opening it loads, and closing the window."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from napari_spatial_embeddings.project import Project

PACKAGE = "napari_spatial_embeddings"

OPEN = """
import json, sys, time
import napari, numpy as np
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer(show=SHOW, show_welcome_screen=False)
image = viewer.add_image(np.random.default_rng(0).integers(0, 99, (64, 64), np.uint8), name="a")
QApplication.processEvents()
before = time.process_time()
_, dock = viewer.window.add_plugin_dock_widget("napari-spatial-embeddings", "Spatial Embeddings")
QApplication.processEvents()
took = time.process_time() - before
loaded = [*sys.modules]
"""

LATER = """
import threading
for timer in [x for x in threading.enumerate() if isinstance(x, threading.Timer)]:
    timer.join()
prepared = [*sys.modules]
"""

CLOSE = """
layer = dock.annotation_actions.begin().layer
layer.paint((30, 30), layer.selected_label)
ends = []
for step in dock.steps:
    down = step.close_down
    step.close_down = lambda down=down: (ends.append(1), down())
END
"""

CROSS = """
dock.window().close()
QApplication.processEvents()
QApplication.quit()
"""

KEYS = """
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
window, asked = dock.window(), []

def confirm():
    dialog = QApplication.activeModalWidget()
    if dialog is None:
        QTimer.singleShot(50, confirm)
    else:
        asked.append(1)
        dialog.close_btn.click()

def quit():
    QTimer.singleShot(50, confirm)
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window, 20_000)
    QTest.keyClick(window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)

QTimer.singleShot(0, quit)
napari.run()
assert asked, "by napari itself"
"""


def run(script: str, home: Path) -> Any:
    """Run a script and return what it says last."""
    call = [sys.executable, "-W", "ignore", "-c", script]
    kept = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=kept)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def assert_ended(ends: int, steps: int, home: Path) -> None:
    """Assert that all was closed down once, and what was painted saved."""
    assert ends == steps > 1
    (card,) = home.rglob("project.json")
    found = Project.open(card).annotation("a")
    assert found is not None
    assert found.labels.any()


def test_opens_quickly_without_torch_and_ends_with_its_window(home: Path) -> None:
    parts = OPEN.replace("SHOW", "False"), LATER, "viewer.show()", CLOSE.replace("END", CROSS)
    said = "print(json.dumps([took, loaded, prepared, len(ends), len(dock.steps)]))"
    took, loaded, prepared, ends, steps = run("\n".join((*parts, said)), home)
    assert "pandas" in prepared, "the first layer of labels need not wait for it"
    assert not {"torch", "triton"} & {name.partition(".")[0] for name in loaded}
    assert f"{PACKAGE}.plugin.dock" in loaded
    # Formats are loaded once they are listed, sliders once they are shown.
    later = {f"{PACKAGE}.export.formats", f"{PACKAGE}.plugin.sections.sliders", "filelock"}
    assert not later & {*loaded}
    # Seconds of the processor, which do not grow with what else the machine does.
    assert took < 1.5
    assert_ended(ends, steps, home)


def test_quitting_by_keys_saves_and_ends_everything(home: Path) -> None:
    script = OPEN.replace("SHOW", "True") + CLOSE.replace("END", KEYS)
    ends, steps = run(script + "print(json.dumps([len(ends), len(dock.steps)]))", home)
    assert_ended(ends, steps, home)

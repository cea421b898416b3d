"""The window while a training runs: how late a 10 ms timer of napari's event loop comes."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtWidgets import QApplication

from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.samples import nuclei

from . import display
from .dock_parts import DockParts
from .table import Row

TICK = 10
"""Milliseconds between two ticks, if nothing is in the way."""


def measure(quick: bool = False) -> list[Row]:
    """Return a row for the idle window, one for a training, one with the preview of its models."""
    return display.rows_of("window", "8" if quick else "40")


def main(seconds: float) -> None:
    """Open a window, measure, and print rows as JSON."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = os.environ["USERPROFILE"] = home
        viewer = napari.Viewer()
        start = time.perf_counter()
        dock = viewer.window.add_plugin_dock_widget(
            "napari-spatial-embeddings", "Spatial Embeddings"
        )[1]
        QApplication.processEvents()
        opened = time.perf_counter() - start
        parts, sample = DockParts(dock), nuclei(size=512)
        parts.choose(viewer.add_image(sample.image[0], name="nuclei"))
        parts.use_layer(viewer.add_labels(sample.annotated, name="annotated"))
        parts.save_now()
        parts.train.set_open(True)  # the search for devices waits for that
        spin(lambda: "free" in parts.device.text)
        rows = [{"window": "idle", **late(lambda: False, seconds)}]
        rows += [while_training(parts, preview, seconds) for preview in (False, True)]
        rows[0]["dock opens in"] = f"{opened:.2f} s"
        viewer.close()
    print(json.dumps(rows))


def while_training(parts: DockParts, preview: bool, seconds: float) -> Row:
    """Measure while a training runs that has a better model every few seconds."""
    session = parts.session
    session.set_training(TrainingSettings(minutes=60, validation_seconds=5))
    parts.training.previewing = preview
    parts.training.start(None)
    spin(lambda: session.training.reports or not session.training.active)
    if preview:  # loads torch, which is a part of starting
        spin(lambda: session.result is not None or not session.training.active)
    row = {"window": "training, with previews" if preview else "training"}
    row |= late(lambda: not session.training.active, seconds)
    parts.training.stop()
    spin(lambda: not session.training.active)
    spin(lambda: not parts.prediction.running)
    return row


def spin(condition: Any, timeout: float = 300.0) -> None:
    """Let the window live until a condition holds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("nothing happens")
        QApplication.processEvents()
        time.sleep(0.002)


def late(over: Any, seconds: float) -> dict[str, Any]:
    """Let the window live for a while; return how its ticks came."""
    ticks: list[float] = []
    loop, timer, end = QEventLoop(), QTimer(), time.perf_counter() + seconds

    def tick() -> None:
        ticks.append(time.perf_counter())
        if ticks[-1] > end or over():
            loop.quit()

    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    timer.start(TICK)
    loop.exec()
    timer.stop()
    gaps = np.diff(ticks) * 1e3
    return {
        "ticks": len(gaps),
        "median": f"{np.median(gaps):.1f} ms",
        "99 %": f"{np.percentile(gaps, 99):.1f} ms",
        "longest": f"{gaps.max():.1f} ms",
        "above 50 ms": int((gaps > 50).sum()),
    }


if __name__ == "__main__":
    main(float(sys.argv[1]))

"""Time from a slider to new labels on screen, in a real window, in a process of its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import display
from .table import Row

if TYPE_CHECKING:
    from .dock_parts import DockParts

STEPS = 100

STRIDE = 10
"""Thousandths of a slider's length in one step: each gives another number."""

PACE = 1 / 60
"""Seconds between two steps of a drag."""


def measure(quick: bool = False) -> list[Row]:
    """Return one row per slider."""
    return display.rows_of("plugin", *(["--quick"] if quick else []))


def main(quick: bool) -> None:
    """Open the window, move the sliders, print the rows."""
    import napari

    from .dock_parts import DockParts, name_former_modules

    name_former_modules()
    from . import cases

    maps = cases.learned_maps(cases.tissue(1 if quick else 4))
    viewer = napari.Viewer()
    _, dock = viewer.window.add_plugin_dock_widget(
        "napari-spatial-embeddings", "Spatial Embeddings"
    )
    viewer.window._qt_window.resize(1280, 800)
    layer = viewer.add_image(maps.seed[0], name="tissue")
    parts = DockParts(dock)
    parts.choose(layer)
    dock.session.tune(seed_threshold=0.6)
    parts.set_maps(maps)
    window = Window(parts)
    window.settle(tables=True)
    rows = [
        window.row("seed threshold", "seed_threshold", 400),
        window.row("foreground threshold", "foreground_threshold", 100),
        window.row("margin", parts.margin, 300),
        window.row("minimum size", "min_size", 300),
    ]
    viewer.close()
    sys.stdout.write(json.dumps(rows) + "\n")


class Window:
    """The main thread's event loop, run by hand and timed."""

    def __init__(self, parts: DockParts) -> None:
        from qtpy.QtWidgets import QApplication

        self.turn: Callable[[], None] = QApplication.processEvents
        self.parts = parts
        self.spent = self.processor = 0.0

    def act(self, work: Callable[[], object]) -> None:
        """Run something in the main thread, and add up how long that was busy."""
        start = time.perf_counter(), time.thread_time()
        work()
        self.spent += time.perf_counter() - start[0]
        self.processor += time.thread_time() - start[1]

    def settle(self, *, tables: bool = False) -> None:
        """Run the event loop until the labels that were asked for are on screen."""
        while not self.parts.clustered or (tables and self.parts.results.busy):
            self.act(self.turn)
            time.sleep(2e-4)
        for _ in range(5):  # painting takes an event of its own
            self.act(self.turn)

    def row(self, title: str, name: str, first: int) -> Row:
        """Move a slider up and down, one step at a time, and then in one drag."""
        slider = self.parts.sliders.slider(name).slider
        up = [first + STRIDE * k for k in range(STEPS // 2 + 1)]
        places = [*up, *up[-2::-1]]
        work, processor, clustering = [], [], []
        slider.setValue(places[0])
        self.settle(tables=True)
        for place in places[1:]:
            self.spent = self.processor = 0.0
            self.act(lambda place=place: slider.setValue(place))
            self.settle()
            work.append(1e3 * self.spent)
            processor.append(1e3 * self.processor)
            clustering.append(self.parts.session.result.milliseconds)
        found: list[object] = []
        self.parts.session.result_changed.connect(lambda *_: found.append(1))
        late = self.drag(slider, places[::-1])
        return {
            "slider": title,
            "objects": len(self.parts.session.result.instances),
            "main thread, median": f"{np.median(work):.1f} ms",
            "99 %": f"{np.percentile(work, 99):.1f} ms",
            "processor time of it": f"{np.median(processor):.1f} ms",
            "clustering, median": f"{np.median(clustering):.1f} ms",
            f"on screen after {STEPS} steps": f"{1e3 * late:.0f} ms",
            "of them shown": len(found),
        }

    def drag(self, slider: Any, places: list[int]) -> float:
        """Move at a hand's pace; return the seconds from the last move to the last picture."""
        slider.setSliderDown(True)
        for place in places:
            end = time.perf_counter() + PACE
            slider.setValue(place)
            self.turn()
            while time.perf_counter() < end:
                self.turn()
                time.sleep(2e-4)
        start = time.perf_counter()
        slider.setSliderDown(False)
        self.settle()
        return time.perf_counter() - start


if __name__ == "__main__":
    main("--quick" in sys.argv)

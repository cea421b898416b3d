"""The step that links a time series, with mouse, keys and buttons."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget
from scipy import ndimage as ndi

from doc_scripts import script
from napari_spatial_embeddings.export.links import read_links
from napari_spatial_embeddings.files import read_label_series, read_track_table
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.qt.collapsible import Collapsible
from napari_spatial_embeddings.plugin.sections.tracking.step import TrackStep
from plugin.overflow import overflows
from plugin.robot import Person
from plugin.robot_actions import canvas, on_screen, open_dock
from plugin.track_loop import STAGES
from plugin.tracked import Series, cells

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier


class Window(Series):
    """A label series in a window with the dock."""

    rig: SpatialEmbeddingsWidget

    @property
    def step(self) -> TrackStep:
        return next(step for step in self.rig.steps if isinstance(step, TrackStep))

    def click(self, frame: int, cell: int) -> None:
        """Go to a frame, and click on a cell of it."""
        _, label = self.place(frame, cell)
        self.click_at(frame, *np.argwhere(self.labels[frame] == label).mean(0))

    def click_at(self, frame: int, *at: float) -> None:
        """Go to a frame, and click on a pixel of it."""
        viewer = self.rig.viewer
        viewer.dims.set_current_step(0, frame)
        QApplication.processEvents()
        widget, layer = canvas(self.rig), self.layer("tracked")
        spot = on_screen(viewer, widget, layer, (frame, *at))
        QTest.mouseMove(widget, spot)
        QTest.mouseClick(widget, LEFT, NO_KEY, spot)
        QApplication.processEvents()

    def key(self, key: Qt.Key, held: Qt.KeyboardModifier = NO_KEY) -> None:
        QTest.keyClick(canvas(self.rig), key, held)
        QApplication.processEvents()


@pytest.fixture
def window(shown: Viewer, qtbot: QtBot) -> Window:
    window = Window(open_dock(shown), qtbot, cells())
    window.add()
    shown.reset_view()
    window.step.button.click()
    window.wait()
    QApplication.processEvents()
    return window


def leaves_with_layer_and_view(window: Window) -> None:
    """The tool is left with another layer, a hidden one, and a view of more than a frame."""
    dock = window.rig
    tool = dock.link_tool
    dock.viewer.add_image(np.zeros((40, 84), np.float32), name="image")
    tool.use("same")
    assert dock.status.tool.text.startswith("<b>Same cell</b>")
    dock.viewer.layers.selection.active = dock.viewer.layers["image"]
    window.until(lambda: not tool.tool)
    tool.use("end")
    window.layer("tracked").visible = False
    assert not tool.tool
    tool.use("end")
    assert window.layer("tracked").visible
    dock.viewer.dims.ndisplay = 3
    assert not tool.tool, "where a click is in depth is not known"
    tool.use("same")
    assert not tool.tool
    assert "single frame" in dock.message


def test_links_are_corrected_with_the_mouse(window: Window) -> None:
    section, dock = window.step.links, window.rig
    section.buttons["apart"].click()
    window.click(1, 6)
    assert section.hint.text() == "Click the other cell, in another frame."
    assert section.hint.text() in dock.status.tool.text
    outline = dock.viewer.layers["cells · clicked"]
    assert outline.visible
    own = window.labels[1] == 16
    assert not outline.data[own].any(), "the cell itself is seen"
    np.testing.assert_array_equal(
        ndi.binary_fill_holes(outline.data == 1) & ~own, outline.data == 1
    )
    window.click(1, 1)
    assert "still frame 1" in dock.message
    assert outline.visible, "the first click is kept"
    window.click(2, 6)
    window.wait()
    assert len(set(window.ids((1, 6), (2, 6)))) == 2
    assert not outline.visible
    message = dock.status.message._box.geometry()
    assert not message.intersects(dock.status.tool.geometry()), (
        "it leaves the line of the tool alone"
    )
    assert section.count.text() == "1 link corrected"
    window.key(Qt.Key.Key_Z, CTRL)
    window.wait()
    assert len(set(window.ids((1, 6), (2, 6)))) == 1
    window.key(Qt.Key.Key_D)
    assert section.buttons["division"].isChecked()
    mother = window.ids((2, 3))[0]
    window.click(2, 3)
    assert section.hint.text() == (
        f"2 of 3: cell {mother} is the mother, up to frame 2. Click a daughter in a later one."
    )
    window.click(3, 4)
    window.click(3, 5)
    window.wait()
    mother, one, other = window.ids((2, 3), (3, 4), (3, 5))
    assert window.tracks.parents == {one: mother, other: mother}
    assert "1 division" in window.step.count.text()
    section.buttons["end"].click()
    window.click(3, 1)
    window.wait()
    assert len(set(window.ids((3, 1), (4, 1)))) == 2
    window.click_at(3, 20, 28)  # where a cell is missing
    assert "no cell here" in dock.message
    window.key(Qt.Key.Key_Escape)
    assert dock.status.tool.text == dock.link_tool.tool == ""
    assert "cells · clicked" not in dock.viewer.layers
    leaves_with_layer_and_view(window)


def test_a_series_as_the_documentation_shows_it(shown: Viewer, tmp_path: Path) -> None:
    person = Person(shown)
    folder = tmp_path / "pictures"
    stages = script("make_screenshots").photograph(person, folder, 0, "series")
    assert next(stages) == "track"
    before = np.unique(person.layer("tracked").data)
    assert tuple(stages) == STAGES[1:]
    assert len(np.unique(person.layer("tracked").data)) == len(before) - 1, "two became one"
    assert {p.name for p in folder.iterdir()} == {f"plugin-{stage}.png" for stage in STAGES}


def test_tracks_are_exported(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = window.step.export
    window.step.links.buttons["end"].click()
    window.click(3, 1)
    window.wait()
    section.choice.line.setText(str(tmp_path / "out"))
    for box in section.choice.boxes.values():
        box.setChecked(True)
    section.button.click()
    window.until(lambda: not window.rig.track_export.busy)
    names = ["cells.ctc", "cells.geff", "cells.links.json", "cells.tracks.csv"]
    names.append("cells.tracks.csv.json")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [*names, "cells.tracks.ome.tif"]
    assert "Wrote 4 results, and 1 corrected link in cells.links.json" in window.rig.message
    assert read_links(tmp_path / "out" / "cells.links.json") == window.record.corrections
    series = read_label_series([tmp_path / "out" / "cells.tracks.ome.tif"])
    np.testing.assert_array_equal(series.data, window.layer("tracked").data)
    assert (series.pixel_size, series.unit) == ((0.5, 0.5), "um")
    assert read_track_table(tmp_path / "out" / "cells.ctc" / "res_track.txt")
    # A package that is not installed is a sentence.
    monkeypatch.setitem(sys.modules, "geff", None)
    section.button.click()
    window.until(lambda: not window.rig.track_export.busy)
    assert "Wrote 3 results" in window.rig.message
    assert "not Graph (GEFF): this needs the package geff" in window.rig.message
    monkeypatch.setitem(sys.modules, "laptrack", None)
    window.step.button.click()
    window.wait()
    assert "this needs the package laptrack" in window.rig.message.lower()
    window.record.layer.paint((0, 2, 2), 99)
    assert not section.button.isEnabled()
    assert "press Link again" in section.button.toolTip()
    assert "press Link again" in window.step.hint


def test_the_step_is_there_while_it_can_be_used(viewer: Viewer, qtbot: QtBot) -> None:
    window = Window(open_dock(viewer), qtbot, cells())
    step = window.step
    assert step.isHidden()
    viewer.add_labels(window.labels[0], name="an image")
    assert step.isHidden()
    layer = window.add(axis_labels=("z", "y", "x"))
    assert step.isHidden(), "it is a volume"
    layer.axis_labels = ("t", "y", "x")
    assert not step.isHidden()
    assert step.about.text() == "6 frames of 40 × 84 pixels"  # noqa: RUF001
    other = window.add(name="others")
    assert [step.labels.itemText(k) for k in range(2)] == ["cells", "others"]
    assert step.labels.currentText() == "cells", "what is chosen stays"
    step.labels.setCurrentIndex(1)
    step.labels.activated.emit(1)
    assert window.record.layer is other
    viewer.layers.remove(other)
    assert step.labels.currentText() == "cells"
    viewer.layers.remove(layer)
    assert step.isHidden()


def test_settings_are_in_the_unit_of_the_layer(viewer: Viewer, qtbot: QtBot) -> None:
    window = Window(open_dock(viewer), qtbot, cells())
    layer = window.add()
    box = window.step.settings.editors["max_step"].widget
    assert box.suffix() == " µm"
    box.setValue(3)
    settings = window.rig.linking.settings
    assert (settings.max_step, settings.step_unit) == (3, "um")
    layer.units, layer.scale = ("pixel", "nm", "nm"), (1, 500, 500)
    assert box.suffix() == " nm"
    assert box.value() == pytest.approx(3000), "the same length in the other unit"
    assert window.rig.linking.settings.max_step == pytest.approx(3)
    layer.units, layer.scale = "pixel", (1, 1, 1)
    assert box.suffix() == " px"
    settings = window.rig.linking.settings
    assert (settings.max_step, settings.step_unit) == (None, "px"), "a length is none in pixels"
    box.setValue(4)
    assert window.rig.linking.settings.max_step == 4
    box.setValue(box.minimum())
    assert window.rig.linking.settings.max_step is None
    window.link()
    assert box.text() == "auto: 5.27 px"
    gap = window.step.settings.editors["max_gap"].widget
    assert gap.text() == "1 frame"
    gap.setValue(2)
    assert gap.text() == "2 frames"
    window.step.settings.editors["divisions"].widget.setChecked(True)
    assert window.rig.linking.settings.divisions
    assert window.rig.linking.settings.max_gap == 2


def test_the_layout_holds(qtbot: QtBot) -> None:
    from napari.components import ViewerModel

    from napari_spatial_embeddings.plugin.dock import MIN_WIDTH
    from plugin.test_dock_layout import NAME, dress

    frame = QWidget()
    qtbot.addWidget(frame)
    dock = SpatialEmbeddingsWidget(ViewerModel())
    column = QVBoxLayout(frame)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(dock)
    frame.show()
    window = Window(dock, qtbot, cells())
    window.add(name=NAME)
    for step in dock.steps:
        step.set_open(isinstance(step, TrackStep))
    for group in window.step.findChildren(Collapsible):
        group.set_open(True)
    window.link()
    dock.link_tool.use("division")
    dock.link_tool.changed.emit()
    for theme, font, width in (
        *(("dark", "9pt", width) for width in (MIN_WIDTH, 300, 320)),
        ("light", "12pt", 340),
    ):
        dress(frame, theme, font, width)
        assert overflows(frame) == [], (theme, font, width)

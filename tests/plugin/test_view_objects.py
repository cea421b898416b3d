"""Objects of a view of a large image: tuned, corrected, used and exported like those of any."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from formats_here import HERE
from plugin.robot_actions import canvas, on_screen, open_dock
from plugin.slide_views import PLACE, add_slide, current, look, predict, seen
from slides import Slide

Until = Callable[..., None]


@pytest.fixture
def slide() -> Slide:
    return Slide()


def test_objects_of_a_view_are_tuned_corrected_used_and_exported(
    shown: Viewer, slide: Slide, tmp_path: Path, until: Until
) -> None:
    layer = add_slide(shown, slide)
    dock = open_dock(shown)
    QTest.qWait(300)
    look(shown, zoom=4.0)
    until(lambda: dock.idle)
    predict(dock, until)
    view, rows, columns = current(dock), *seen(shown, layer)
    slide.reads.clear()
    found = dock.session.result
    assert found is not None
    count = len(found.instances)
    assert count > 3
    dock.session.tune(seed_threshold=0.99)
    until(lambda: dock.idle)
    assert dock.session.result is not None
    assert len(dock.session.result.instances) < count
    dock.session.tune(seed_threshold=found.settings.seed_threshold)
    until(lambda: dock.idle)

    labels = next(x for x in shown.layers if x.name.endswith("instances"))
    far = np.abs(found.instances.centre - np.asarray(labels.world_to_data(PLACE))).sum(1)
    deleted, accepted, *_ = found.instances.seed_pixel[np.argsort(far)]
    for tool, at in (("delete", deleted), ("accept", accepted)):
        dock.correction_tool.use(tool)
        where = on_screen(shown, canvas(dock), labels, at)
        QTest.mouseMove(canvas(dock), where)
        QTest.mouseClick(canvas(dock), Qt.MouseButton.LeftButton, pos=where)
        until(lambda: dock.idle)
    result = dock.session.result
    assert result is not None
    assert result.instances.locked.sum() == 1
    assert result.instances.labels[tuple(deleted)] == 0
    outlines = next(x for x in shown.layers if x.name.endswith("locked"))
    assert outlines.data.shape == labels.data.shape == view.data.shape
    assert np.array_equal(outlines.translate, view.translate)

    dock.object_import.use_corrections()
    until(lambda: dock.idle)
    annotated = dock.annotation.strokes(dock.session.image)
    assert annotated is not None
    assert annotated.labels.shape == view.data.shape
    assert annotated.labels[tuple(accepted)] > 0
    dock.export.export_current(tmp_path / "out", list(HERE))
    until(lambda: dock.idle)
    written = {path.name: path for path in (tmp_path / "out").iterdir()}
    assert len(written) == len(HERE) + 2, written  # and the records of the tables
    image = tifffile.imread(next(p for n, p in written.items() if n == "slide, view 1.tif"))
    assert image.shape == view.data.shape
    assert image.max() <= len(result.instances) + 1
    first = dict(zip("yx", view.translate.astype(int).tolist(), strict=True))
    with tifffile.TiffFile(written["slide, view 1.tif"]) as file:
        assert file.imagej_metadata is not None
        assert json.loads(file.imagej_metadata["Info"])["first_pixel"] == first
    with tifffile.TiffFile(written["slide, view 1.ome.tif"]) as file:
        assert f'first_pixel": {json.dumps(first)}' in html.unescape(str(file.ome_metadata))
    with written["slide, view 1.csv"].open() as table:
        objects = list(csv.DictReader(table))
    for axis, start in first.items():
        inside, there = (
            [float(row[f"centre_{axis}_px{x}"]) for row in objects] for x in ("", "_whole")
        )
        np.testing.assert_allclose(np.subtract(there, inside), start, atol=0.01)
    dock.autosave.flush()
    ours = [read for read in slide.reads if read.package != "napari"]
    assert all(read.inside(rows, columns) for read in ours)
    assert not [read for read in ours if read.main_thread]

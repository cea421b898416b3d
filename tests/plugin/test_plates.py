"""Plates, folders and files with several images in the list, as a user drops and predicts them."""

from __future__ import annotations

import csv
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
import tifffile
import yaozarrs
from napari.layers import Image
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QLineEdit, QPushButton

from command_line import done
from doc_scripts import script
from napari_spatial_embeddings.files import read_image, read_labels
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.qt.name_tree import NameRow
from napari_spatial_embeddings.plugin.qt.which_files import WhichFiles
from napari_spatial_embeddings.plugin.sections.image_list import ImageList
from napari_spatial_embeddings.prediction.outputs import Outputs
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.samples import nuclei
from plates import plate
from plugin import plate_loop
from plugin.image_rows import ImageRows, drop
from plugin.robot import Person
from plugin.robot_actions import button, press

Until = Callable[..., None]


def pictures(count: int) -> list[NDArray[Any]]:
    return [nuclei(k, size=96).image[0].astype(np.uint16) for k in range(count)]


@pytest.fixture
def wells(tmp_path: Path) -> Path:
    """Return a plate of two wells, with two fields each, and one that it only lists."""
    one, two, three, four = pictures(4)
    fields = {"A/1": {"0": one, "1": two}, "B/2": {"0": three, "1": four}}
    return plate(tmp_path / "plate.zarr", fields, listed={"B/2": ["2"]})


def place(dock: SpatialEmbeddingsWidget) -> ImageList:
    (found,) = dock.findChildren(ImageList)
    return found


def predict_all(dock: SpatialEmbeddingsWidget, until: Until) -> None:
    dock.session.set_model("nuclei-2d", None)
    press(dock, "All images")
    until(lambda: not dock.prediction.running)
    until(lambda: dock.idle)


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def opened(viewer: Viewer) -> list[str]:
    return [x.name for x in viewer.layers if isinstance(x, Image) and "·" not in x.name]


def test_a_plate_is_dropped_listed_by_well_and_predicted_into_its_fields(
    wells: Path, viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    assert drop(place(dock), wells)
    until(lambda: dock.idle)
    rows = ImageRows(dock)
    assert opened(viewer) == ["plate_A1_0"], "one image is opened, the others are names"
    assert rows.texts[0] == "plate_A1: 2 fields"
    assert rows.texts[-1] == "plate_B2: 3 fields"
    rows.click(rows.texts.index("plate_B2: 3 fields"))
    assert rows.texts[-3:] == ["field 0", "field 1", "field 2"]
    assert opened(viewer) == ["plate_A1_0"], "a well opens nothing"
    rows.click(len(rows) - 2)
    assert dock.session.image == "plate_B2_1"
    assert opened(viewer) == ["plate_A1_0", "plate_B2_1"]
    assert not rows.italic(len(rows) - 2)
    assert rows.italic(len(rows) - 3)
    rows.click(len(rows) - 1)
    assert "plate_B2_2 is missing" in dock.message
    predict_all(dock, until)
    assert dock.message.startswith("Skipped 1 image: plate_B2_2 is missing")
    assert "Wrote the labels of 4 fields into the plate, as labels/instances" in dock.message
    assert "plate_B2: 3 fields, 1 skipped" in rows.texts
    model = "--model", "nuclei-2d"
    for field in ("A/1/0", "A/1/1", "B/2/0", "B/2/1"):
        yaozarrs.validate_zarr_store(str(wells / field))
        name = "plate_" + field[0] + field[2] + field[3:].replace("/", "_")
        done("predict", wells / field, *model, "--output", tmp_path / name)
        (expected,) = (tmp_path / name).glob("*.tif")
        found = read_image(wells / field / "labels/instances").data[0]
        np.testing.assert_array_equal(found, read_labels(expected))
        assert found.max() > 0
    project = dock.session.project
    assert project is not None
    counts = table(project.results_folder / "summary.csv")
    assert [row["well"] for row in counts] == ["A1", "A1", "B2", "B2", "B2"]
    assert [bool(row["error"]) for row in counts] == [False] * 4 + [True]
    by_well = table(project.results_folder / "summary.wells.csv")
    assert [(row["well"], row["images"], row["failed"]) for row in by_well] == [
        ("A1", "2", "0"),
        ("B2", "2", "1"),
    ]
    assert Project.open(project.folder).card.images[4].well == "B2", "the plate is remembered"
    assert sorted(path.name for path in project.folder.iterdir()) == ["project.json", "results"]


def test_a_plate_that_is_read_only_has_its_labels_beside_the_others(
    wells: Path,
    dock: SpatialEmbeddingsWidget,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drop(place(dock), wells)
    until(lambda: dock.idle)
    # The rights of files are no hindrance to the user of a container.
    monkeypatch.setattr("os.access", lambda path, _mode: wells not in Path(path).parents)
    predict_all(dock, until)
    assert dock.session.project is not None
    names = {path.name for path in dock.session.project.results_folder.glob("*.tif")}
    assert names == {f"plate_{name}.tif" for name in ("A1_0", "A1_1", "B2_0", "B2_1")}
    assert not list(wells.rglob("labels"))


def test_what_is_done_is_not_done_again_after_a_stop(
    wells: Path, dock: SpatialEmbeddingsWidget, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, write, written = threading.Event(), Outputs.write, list[object]()

    def write_and_wait(*arguments: Any) -> Iterator[tuple[int, int]]:
        yield from write(*arguments)
        written.append(arguments)
        if len(written) > 1:
            stopped.wait(60)

    monkeypatch.setattr(Outputs, "write", write_and_wait)
    drop(place(dock), wells)
    until(lambda: dock.idle)
    dock.session.set_model("nuclei-2d", None)
    labels = [wells / f"{field}/labels/instances" for field in ("A/1/1", "B/2/0", "B/2/1")]
    press(dock, "All images")
    until(labels[0].exists)
    press(dock, "Stop")
    stopped.set()
    until(lambda: dock.idle)
    QTest.qWait(500)  # the tile under way ends
    assert dock.session.project is not None
    folder = dock.session.project.folder
    kept = list(folder.glob(".results.part/*.npz"))
    assert kept
    before = [path.stat().st_mtime_ns for path in labels if path.exists()]
    assert len(before) < len(labels)
    predict_all(dock, until)
    assert f"{len(before)} image" in dock.message
    assert "of an earlier run" in dock.message
    assert [path.stat().st_mtime_ns for path in labels[: len(before)]] == before
    assert all(path.exists() for path in labels)
    assert not (folder / ".results.part").exists()
    rows = table(folder / "results/summary.csv")
    assert [row["image"] for row in rows if not row["error"]] == [
        "plate_A1_0",
        "plate_A1_1",
        "plate_B2_0",
        "plate_B2_1",
    ]
    assert all(int(row["objects"]) > 0 for row in rows if not row["error"])
    predict_all(dock, until)
    assert "earlier" not in dock.message, "a run that came to its end is not gone on with"


def test_of_a_folder_the_user_chooses_the_files(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    folder = tmp_path / "raw"
    for k, image in enumerate(pictures(2)):
        (folder / f"day {k}").mkdir(parents=True)
        for kind in ("w1", "w2"):
            tifffile.imwrite(folder / f"day {k}/s{k}_{kind}.tif", image)
    assert drop(button(dock, "Add folder…"), folder)
    dialog = next(x for x in QApplication.topLevelWidgets() if isinstance(x, WhichFiles))
    (count,) = [x for x in dialog.findChildren(QPushButton) if x.text() == "Add"]
    until(count.isEnabled)  # there is nothing in the folder itself, but in those in it
    assert dialog.pattern == "**/*"
    (field,) = dialog.findChildren(QLineEdit)
    field.selectAll()
    QTest.keyClicks(field, "*_w3.tif")
    until(lambda: "holds no file" in said(dialog))
    assert not count.isEnabled()
    field.selectAll()
    QTest.keyClicks(field, "*_w1.tif")
    until(count.isEnabled)
    assert said(dialog) == "2 files: s0_w1.tif, s1_w1.tif"
    dialog.findChildren(QDialogButtonBox)[0].accepted.emit()
    until(lambda: len(ImageRows(dock)) == 2 and dock.idle)
    assert ImageRows(dock).texts == ["s0_w1", "s1_w1"]
    assert opened(viewer) == ["s0_w1"]


def said(dialog: WhichFiles) -> str:
    return dialog._count.text()


def test_what_is_no_image_is_refused_when_it_is_dropped(
    dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    assert drop(place(dock), tmp_path / "notes.txt")
    until(lambda: "notes.txt is no image" in dock.message)
    assert dock.session.project is None
    Project.create(tmp_path / "other")
    drop(place(dock), tmp_path / "other")
    until(lambda: "is a project; press Open" in dock.message)


def test_positions_of_a_file_are_images_of_their_own(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    images = pictures(3)
    several = tmp_path / "cells.ome.tif"
    with tifffile.TiffWriter(several, ome=True) as file:
        for image in images:
            file.write(image, metadata={"axes": "YX"}, photometric="minisblack")
    drop(place(dock), several)
    until(lambda: dock.idle)
    rows = ImageRows(dock)
    assert rows.texts == ["cells_0", "cells_1", "cells_2"]
    rows.click(2)
    assert dock.session.image == "cells_2"
    np.testing.assert_array_equal(viewer.layers["cells_2"].data, images[2])
    viewer.layers.remove("cells_0")
    predict_all(dock, until)
    project = dock.session.project
    assert project is not None
    found = read_labels(project.results_folder / "cells_0.tif")
    done("predict", several, "--model", "nuclei-2d", "--output", tmp_path / "out")
    np.testing.assert_array_equal(found, read_labels(tmp_path / "out/cells_0.tif"))
    assert [entry.scene for entry in Project.open(project.folder).card.images] == [0, 1, 2]
    drop(place(dock), several)
    until(lambda: "3 were in it already" in dock.message)


def test_where_none_can_be_opened_all_images_name_the_reasons(
    dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    for k in range(3):
        (tmp_path / f"{k}.tif").write_bytes(b"II*\0 and then nothing")
    drop(place(dock), *sorted(tmp_path.glob("*.tif")))
    until(lambda: dock.idle)
    assert dock.session.image is None
    assert not button(dock, "All images").isEnabled()
    assert "or a model here, and All images" in hints(dock)
    dock.session.set_model("nuclei-2d", None)
    assert button(dock, "All images").isEnabled()
    assert "or All images" in hints(dock)
    press(dock, "All images")
    until(lambda: not dock.prediction.running)
    assert "No image could be predicted: 0: " in dock.message
    assert ImageRows(dock).text(1) == "1 (skipped)"


def hints(dock: SpatialEmbeddingsWidget) -> str:
    return " ".join(step.hint for step in dock.steps)


def test_thousands_of_files_are_names(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    """A list of thousands is asked for the texts in view, and read once for each new image."""
    (image,) = pictures(1)
    first = tmp_path / "many/0000.png"
    first.parent.mkdir()
    tifffile.imwrite(tmp_path / "one.tif", image)
    for k in range(3000):
        shutil.copyfile(tmp_path / "one.tif", first.with_name(f"{k:04}.tif"))
    dock.listed.add([first.parent])
    until(lambda: dock.idle, 600)
    rows = ImageRows(dock)
    assert rows.tree.names.rowCount() == 3000
    assert opened(viewer) == ["0000"]
    asked: list[int] = []
    names, describe = rows.tree.names, rows.tree.names._describe

    def watched(row: int) -> NameRow:
        asked.append(row)
        return describe(row)

    names._describe = watched
    start = process_time()
    for _ in range(10):
        place(dock).refresh()
        dock.listed.all()
    assert process_time() - start < 1
    assert len(set(asked)) < 20


def test_a_plate_as_the_documentation_shows_it(
    shown: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plate_loop, "SIZE", 320)
    person = Person(shown)
    folder = tmp_path / "pictures"
    stages = script("make_screenshots").photograph(person, folder, 0, "plate")
    assert next(stages) == "plate-list"
    assert next(stages) == "plate-run"
    assert tuple(stages) == ("plate-done",)
    assert {p.name for p in folder.iterdir()} == {
        f"plugin-{stage}.png" for stage in plate_loop.STAGES
    }
    assert person.says("Wrote the labels of 8 fields into the plate")
    assert person.layer("plate_B2_0 · instances").data.max() > 20

"""The window of models, and models that are dropped, as a user has them."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from qtpy.QtWidgets import QApplication, QWidget

from napari_spatial_embeddings.inference.exchange.exporting import export_model
from napari_spatial_embeddings.inference.library import imported
from napari_spatial_embeddings.inference.registry import find_folder, shipped
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.qt.dialogs import Dialogs
from napari_spatial_embeddings.plugin.sections.model_combo import MANAGE, ModelCombo
from napari_spatial_embeddings.plugin.sections.models.manager import ModelManager
from plugin.conftest import Until
from plugin.image_rows import drop
from small_models import model_of

pytestmark = pytest.mark.usefixtures("library")


class User(Dialogs):
    """A user who answers questions about models."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.accept, self.suggested = folder, True, list[Path]()
        self.name: str | None = "renamed"
        self.files = list[Path]()
        self.rights: tuple[list[str], str | None] | None = ["Ada Example"], "CC0-1.0"

    def import_models(self, _start: Path, /) -> list[Path]:
        return self.files

    def export_model(self, suggestion: Path, /) -> Path | None:
        self.suggested.append(suggestion)
        return self.folder / suggestion.name

    def model_rights(
        self, authors: Sequence[str], licence: str | None, /
    ) -> tuple[list[str], str | None] | None:
        assert (authors, licence) == ([], None), "the model names none"
        return self.rights

    def new_name(self, *_: str) -> str | None:
        return self.name

    def confirm(self, *_: str) -> bool:
        return self.accept


@pytest.fixture
def user(dock: SpatialEmbeddingsWidget, tmp_path: Path) -> User:
    dock.project.dialogs = User(tmp_path)
    return dock.project.dialogs


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    return export_model(model_of().save(tmp_path / "discs"), "zip", tmp_path / "discs.zip")


def combo(dock: SpatialEmbeddingsWidget) -> ModelCombo:
    return dock._tune.predict.model


def titles(box: ModelCombo) -> list[str]:
    return [box.itemText(k) for k in range(box.count())]


def opened(dock: SpatialEmbeddingsWidget) -> ModelManager:
    """Open the window as a user does."""
    box = combo(dock)
    before = box.chosen
    index = box.findData(MANAGE)
    box.setCurrentIndex(index)
    box.activated.emit(index)
    assert box.chosen == before
    assert dock.model_access.window is not None
    return dock.model_access.window


def choose(window: ModelManager, title: str) -> None:
    rows = [window.list.item(k).text() for k in range(window.list.count())]
    window.list.setCurrentRow(next(k for k, row in enumerate(rows) if row.startswith(title)))


def test_imports_uses_renames_and_deletes(
    dock: SpatialEmbeddingsWidget, user: User, zipped: Path, until: Until
) -> None:
    window = opened(dock)
    user.files = [zipped]
    window.importing.click()
    until(lambda: not dock.models.busy)
    folder = str(imported()["discs"])
    assert "discs" in titles(combo(dock))
    assert dock.session.model != folder
    choose(window, "discs")
    assert "objects about 20 pixels wide" in window.about.text()
    window.use.click()
    assert dock.session.model == folder
    assert dock.session.clustering == model_of().clustering
    assert combo(dock).currentText() == "discs"
    window.copy.click()
    assert QApplication.clipboard().text() == folder
    window.rename.click()
    assert list(imported()) == ["renamed"]
    assert dock.session.model == str(imported()["renamed"])
    assert combo(dock).currentText() == "renamed"
    user.accept = False
    window.delete.click()
    assert imported()
    user.accept = True
    window.delete.click()
    assert not imported()
    assert dock.session.model is None
    assert "renamed" not in titles(combo(dock))
    window.close()
    assert dock.model_access.window is None


def test_what_is_not_imported_is_neither_renamed_nor_deleted(
    dock: SpatialEmbeddingsWidget, user: User, until: Until, tmp_path: Path
) -> None:
    window = opened(dock)
    name = next(iter(shipped()))
    choose(window, name)
    assert not window.rename.isEnabled()
    assert not window.delete.isEnabled()
    assert "not an imported model" in window.delete.toolTip()
    menu = window.export.menu()
    assert menu is not None
    menu.actions()[0].trigger()
    until(lambda: not dock.models.busy)
    assert user.suggested[0].name == f"{name}.zip"
    assert (tmp_path / f"{name}.zip").stat().st_size > 1e5
    assert str(tmp_path) in dock.message
    menu.actions()[0].trigger()
    until(lambda: not dock.models.busy)
    assert "exists already" in dock.message
    window.copy.click()
    assert QApplication.clipboard().text() == str(find_folder(name))


def test_exports_for_other_programs(
    dock: SpatialEmbeddingsWidget, user: User, until: Until, zipped: Path, tmp_path: Path
) -> None:
    user.files = [zipped]
    window = opened(dock)
    window.importing.click()
    until(lambda: not dock.models.busy)
    zipped.unlink()
    choose(window, "discs")
    menu = window.export.menu()
    assert menu is not None
    for action, made in zip(
        menu.actions()[1:], ("discs-onnx/model.onnx", "discs.zip"), strict=True
    ):
        action.trigger()
        assert not window.export.isEnabled()
        until(lambda: not dock.models.busy)
        assert (tmp_path / made).is_file()
        assert window.export.isEnabled()
    with zipfile.ZipFile(tmp_path / "discs.zip") as archive:
        card = yaml.safe_load(archive.read("rdf.yaml"))
    assert (card["authors"], card["license"]) == ([{"name": "Ada Example"}], "CC0-1.0")
    asked, user.rights = len(user.suggested), None
    menu.actions()[2].trigger()
    assert len(user.suggested) == asked, "it was cancelled"


@pytest.mark.parametrize("on", ["dock", "list", "predict", "train"])
def test_a_dropped_zip_is_imported_and_used(
    dock: SpatialEmbeddingsWidget, zipped: Path, until: Until, on: str
) -> None:
    widget = {
        "dock": dock,
        "list": dock.steps[0].findChild(QWidget, "drop"),
        "predict": combo(dock),
        "train": dock._train.start_model,
    }[on]
    assert widget is not None
    assert drop(widget, zipped)
    until(lambda: not dock.models.busy)
    assert dock.session.model == str(imported()["discs"])
    assert combo(dock).currentText() == "discs"
    assert dock._train.start_model.currentText() == "discs"
    assert dock.listed.all() == []


def test_a_dropped_folder_is_used_where_it_is(
    dock: SpatialEmbeddingsWidget, tmp_path: Path
) -> None:
    folder = model_of().save(tmp_path / "mine")
    assert drop(combo(dock), folder)
    assert dock.session.model == str(folder)
    assert combo(dock).currentText() == "mine (folder)"
    assert not imported()
    window = opened(dock)
    assert window.chosen == str(folder)


def test_what_is_no_model_is_left_to_others(dock: SpatialEmbeddingsWidget, tmp_path: Path) -> None:
    image = tmp_path / "image.tif"
    image.write_bytes(b"")
    assert not drop(combo(dock), image)
    assert not drop(dock, image, tmp_path)
    rois = tmp_path / "RoiSet.zip"
    with zipfile.ZipFile(rois, "w") as archive:
        archive.writestr("1.roi", b"")
    assert not drop(dock, rois)


def test_a_damaged_model_is_a_message(
    dock: SpatialEmbeddingsWidget, tmp_path: Path, until: Until
) -> None:
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("model.safetensors", b"nothing")
    before = dock.session.model
    assert drop(dock, bad)
    until(lambda: not dock.models.busy)
    assert "is damaged" in dock.message
    assert dock.session.model == before

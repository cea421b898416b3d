"""Buttons, settings and progress of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from napari.layers import Image
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QProgressBar

from builders import network, picture
from napari_spatial_embeddings.config import ModelSettings, PredictionSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.controllers.proposing.object_size import SizeController
from napari_spatial_embeddings.plugin.layers.tags import tagged
from napari_spatial_embeddings.plugin.sections.predict import PredictSection
from plugin.fake_results import Bench, discs, new_bench


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        bench.session.device = "cpu"
        yield bench


@pytest.fixture
def section(bench: Bench, qtbot: QtBot) -> Iterator[PredictSection]:
    size = SizeController(bench.viewer, bench.session, bench.images, bench.prediction, bench.parent)
    section = PredictSection(
        bench.session, bench.images, bench.listed, bench.prediction, bench.large, size
    )
    qtbot.addWidget(section)
    section.show()
    yield section
    section.close_down()
    size.close()


@pytest.fixture
def saved_model(bench: Bench, tmp_path: Path) -> SpatialEmbeddings:
    settings = ModelSettings(width=4, levels=2, working_diameter=10, offset_range=8)
    model = SpatialEmbeddings(settings, network(settings))
    model.save(tmp_path / "model")
    bench.session.set_model(tmp_path / "model", model.clustering)
    return model


def add(bench: Bench, shape: tuple[int, ...] = (90, 110)) -> Image:
    layer = bench.viewer.add_image(picture(discs(shape))[0], name="cells")
    assert isinstance(layer, Image)
    bench.images.choose(layer)
    return layer


def click(button: QAbstractButton) -> None:
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_buttons_that_cannot_be_pressed_say_why(
    bench: Bench, section: PredictSection, tmp_path: Path
) -> None:
    buttons = (section.view, section.image, section.all_images)
    assert not any(button.isEnabled() for button in buttons)
    assert all(button.toolTip().startswith("There is no image") for button in buttons)
    add(bench)
    assert not any(button.isEnabled() for button in buttons)
    assert all(button.toolTip().startswith("There is no model") for button in buttons)
    bench.session.set_model("nuclei-2d", None)
    assert section.view.isEnabled()
    assert section.image.isEnabled()
    assert section.all_images.isEnabled(), "one image is all images"
    bench.viewer.layers.clear()
    assert not section.all_images.isEnabled()
    assert section.all_images.toolTip().startswith("There is no image: open one, or add images")
    (tmp_path / "a.tif").touch()
    bench.listed.add([tmp_path / "a.tif"])
    bench.wait()
    assert section.all_images.isEnabled(), "whether it is open or not"
    assert not section.image.isEnabled()


@pytest.mark.usefixtures("saved_model")
@pytest.mark.parametrize("what", ["view", "image"])
def test_a_button_predicts_and_shows_progress(
    bench: Bench, section: PredictSection, qtbot: QtBot, what: str
) -> None:
    add(bench)
    bar = section.findChild(QProgressBar)
    assert bar is not None
    assert not bar.isVisible()
    assert section.again.text() == ""
    click(getattr(section, what))
    assert bar.isVisible()
    assert (bar.minimum(), bar.maximum()) == (0, 0), "the number of tiles is not known yet"
    assert not section.view.isEnabled()
    qtbot.waitUntil(lambda: not bench.prediction.running, timeout=300_000)
    assert not bar.isVisible()
    assert section.view.isEnabled()
    assert bench.session.result is not None
    assert section.again.text() == "Missed or in pieces? Press Find"
    bench.session.set_prediction(object_diameter=12)
    assert section.again.text() == "Predict again for this size"
    assert section.again.isVisible()
    model = bench.session.model
    bench.session.set_model("nuclei-2d", None)
    assert section.again.text() == "Predict again with this model"
    bench.session.set_model(model, None)
    bench.session.set_prediction(object_diameter=None, flips=True)
    assert section.again.text() == "Predict again with flips"
    bench.session.set_prediction(flips=False)
    assert section.again.text() == "Missed or in pieces? Press Find"


@pytest.mark.usefixtures("saved_model")
def test_stop_cancels(bench: Bench, section: PredictSection, qtbot: QtBot) -> None:
    add(bench, (200, 200))
    bench.session.set_prediction(tile=16, halo=16)
    with qtbot.waitSignal(
        bench.prediction.progressed, timeout=300_000, check_params_cb=lambda done, *_: done > 3
    ):
        click(section.image)
    with qtbot.waitSignal(bench.prediction.ended, timeout=500):
        click(section.stop)
    assert not section.stop.isVisible()
    assert section.image.isEnabled()
    assert bench.session.result is None


def test_the_form_edits_the_session_s_settings(bench: Bench, section: PredictSection) -> None:
    section.settings.set_open(True)
    form = section.settings.form
    form.editor("flips").click()  # type: ignore[attr-defined]
    section.size_row.box.setValue(14)
    assert bench.session.prediction == PredictionSettings(flips=True, object_diameter=14)
    bench.session.set_prediction(flips=False, object_diameter=None)
    assert not form.settings.flips
    assert section.size_row.box.text() == "Size: model's"
    assert bench.session.prediction == PredictionSettings()


@pytest.mark.usefixtures("saved_model")
def test_the_circle_is_offered_where_there_is_an_image(
    bench: Bench, section: PredictSection
) -> None:
    row = section.size_row
    assert not row.search.isEnabled()
    assert "no image" in row.circle.toolTip()
    add(bench)
    click(row.circle)
    assert row.circle.isChecked()
    assert list(tagged(bench.viewer, "proposed", part="size"))
    click(row.circle)
    assert not row.circle.isChecked()


def test_the_defaults_are_those_of_the_model(
    section: PredictSection, saved_model: SpatialEmbeddings
) -> None:
    assert section.defaults() == saved_model.clustering


def test_without_a_model_there_are_no_defaults(section: PredictSection) -> None:
    with pytest.raises(InputError, match="there is no model yet"):
        section.defaults()

"""Segmentation of a layer without the dock."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from magicgui.widgets import PushButton
from napari.components import ViewerModel
from napari.layers import Image, Layer
from napari.utils import progress
from napari.utils.notifications import notification_manager
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QMenu

from builders import capsules, network
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.contributions import segment_form
from napari_spatial_embeddings.plugin.contributions.segment import segment_layer
from napari_spatial_embeddings.plugin.contributions.segment_form import SegmentForm
from napari_spatial_embeddings.plugin.layers.tags import role_of


def cells(shape: tuple[int, ...] = (96, 96), **look: Any) -> Image:
    image = (capsules(shape, count=6, radius=8) > 0).astype(np.float32)
    look = {"scale": (0.5,) * len(shape), "translate": (3,) * len(shape), "units": "um", **look}
    return Image(image, name="cells", **look)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a model that was never trained."""
    settings = ModelSettings(width=4, levels=2, working_diameter=16, offset_range=16)
    SpatialEmbeddings(settings, network(settings)).save(tmp_path / "model")
    return tmp_path / "model"


# ----------------------------------------------------------------- the function


def test_labels_lie_on_the_image(folder: Path) -> None:
    image = cells()
    (labels,) = segment_layer(image, folder)
    layer = Layer.create(*labels)
    assert layer.name == "cells · instances"
    assert layer.data.shape == image.data.shape
    assert layer.data.dtype == np.int32
    np.testing.assert_allclose(layer.extent.world, image.extent.world)
    assert layer.units == image.units
    assert role_of(layer) is None, "it is the user's own"


def test_maps_are_added_on_demand(folder: Path) -> None:
    *maps, labels = segment_layer(cells(), folder, maps=True)
    names = [options["name"] for _, options, _ in maps]
    assert names == ["cells · offsets", "cells · margin", "cells · seed"]
    assert [role_of(Layer.create(*layer)) for layer in maps] == ["offsets", "margin", "seed"]
    assert labels[2] == "labels"


def test_a_shipped_model_finds_nuclei() -> None:
    (labels,) = segment_layer(cells(), object_diameter=16)
    assert 4 <= len(np.unique(labels[0])) - 1 <= 8


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((96, 96), {"model": "no such model"}, "no such model"),
        ((96, 96), {"object_diameter": 1}, "object_diameter"),
        ((96, 96), {"device": "abacus"}, "abacus"),
        ((8, 32, 32), {}, "3D volume"),
        ((2, 2, 8, 8, 8), {}, "time series of 2 frames"),
        ((2, 8, 8), {"axes": "TYX"}, "time series of 2 frames"),
    ],
)
def test_errors_are_sentences(
    shape: tuple[int, ...], arguments: dict[str, Any], message: str, folder: Path
) -> None:
    image = Image(np.ones(shape, np.float32), name="cells")
    with pytest.raises(InputError, match=message):
        segment_layer(image, **{"model": folder, **arguments})


# --------------------------------------------------------------------- the form


@pytest.fixture
def form(model: ViewerModel, qtbot: QtBot) -> SegmentForm:
    form = SegmentForm(model)
    qtbot.addWidget(form.native)
    return form


def until_done(qtbot: QtBot, form: SegmentForm) -> None:
    qtbot.waitUntil(lambda: not form.busy, timeout=300_000)


def test_two_clicks_add_labels(form: SegmentForm, qtbot: QtBot, folder: Path) -> None:
    assert not form.button.enabled
    form.viewer.add_layer(cells())
    threads: list[threading.Thread] = []
    form.viewer.layers.events.inserted.connect(
        lambda _event: threads.append(threading.current_thread())
    )
    assert form.button.enabled
    form.model.value = segment_form.OWN_MODEL
    form.folder.value = folder
    form.button.native.click()
    assert form.button.text == "Cancel"
    (bar,) = progress._all_instances
    assert bar.desc.startswith("cells: loading the model")
    until_done(qtbot, form)
    assert form.button.text == "Segment"
    assert [layer.name for layer in form.viewer.layers] == ["cells", "cells · instances"]
    assert threads == [threading.main_thread()]
    assert not progress._all_instances


def test_a_model_that_takes_the_image_is_suggested(form: SegmentForm) -> None:
    assert form.model.value in form.model.choices
    form.viewer.add_layer(cells())
    assert form.model.value == "nuclei-2d"
    form.viewer.layers.clear()
    form.viewer.add_layer(cells((16, 40, 40)))
    assert form.model.value == "nuclei-3d"


def test_axes_and_colours_can_be_chosen(form: SegmentForm) -> None:
    form.viewer.add_layer(cells())
    assert not form.axes.visible
    colours = np.full((30, 40, 3), 240, np.uint8)
    form.viewer.add_image(colours, rgb=True, name="tissue")
    stack = form.viewer.add_image(np.zeros((9, 2, 30, 40), np.uint8), name="stack")
    form.image.value = form.viewer.layers["tissue"]
    assert [text for text, _ in form._meanings()] == ["colours (RGB)", "grey", "grey, inverted"]
    form.axes.value = ("YXC", "inverted")
    assert form.model.value in ("nuclei-2d", "cells-2d")
    form.image.value = stack
    assert form.axes.value == ("ZCYX", "")
    assert ("time series (TCYX)", ("TCYX", "")) in form._meanings()
    (grey,) = segment_layer(form.viewer.layers["tissue"], grey="inverted")
    assert grey[0].shape == (30, 40)


def test_only_images_are_offered(form: SegmentForm) -> None:
    image = form.viewer.add_layer(cells())
    form.viewer.add_labels(np.zeros((96, 96), np.int32))
    assert [*form.image.choices] == [image]


def test_cancel(form: SegmentForm, qtbot: QtBot, folder: Path) -> None:
    form.viewer.add_layer(cells())
    form.model.value = segment_form.OWN_MODEL
    form.folder.value = folder
    form.button.native.click()
    form.button.native.click()
    assert not form.busy
    assert form.button.text == "Segment"
    assert not progress._all_instances
    form.button.native.click()  # once more, to the end
    until_done(qtbot, form)
    assert len(form.viewer.layers) == 2


def test_of_an_image_that_is_removed_meanwhile_nothing_is_added(
    form: SegmentForm, qtbot: QtBot, folder: Path
) -> None:
    form.viewer.add_layer(cells())
    form.model.value = segment_form.OWN_MODEL
    form.folder.value = folder
    form.button.native.click()
    form.viewer.layers.clear()
    until_done(qtbot, form)
    assert list(form.viewer.layers) == []
    assert "removed while it was segmented" in notification_manager.records[-1].message


def test_errors_are_notifications(form: SegmentForm, qtbot: QtBot, tmp_path: Path) -> None:
    form.viewer.add_layer(cells())
    form.model.value = segment_form.OWN_MODEL
    form.folder.value = tmp_path / "nothing"
    form.button.native.click()
    until_done(qtbot, form)
    message = notification_manager.records[-1].message
    assert "there is no model" in message
    assert form.button.text == "Segment"


def test_the_menu_opens_the_form(shown: Any, qtbot: QtBot, folder: Path) -> None:
    """Layers > Segment > Segment image..., two clicks, and there are labels."""
    shown.add_layer(cells())
    menu = next(m for m in shown.window._qt_window.findChildren(QMenu) if "egment" in m.title())
    menu.aboutToShow.emit()
    (action,) = [a for a in menu.actions() if a.text().startswith("Segment image")]
    action.trigger()
    (form,) = [f for f in segment_form._FORMS if f.viewer is shown]
    qtbot.waitUntil(form.native.isVisible)
    form.model.value = segment_form.OWN_MODEL
    form.folder.value = folder
    assert isinstance(form.button, PushButton)
    form.button.native.click()
    until_done(qtbot, form)
    assert "cells · instances" in shown.layers
    action.trigger()  # it is there already
    assert [f for f in segment_form._FORMS if f.viewer is shown] == [form]
    assert napari.current_viewer() is not None

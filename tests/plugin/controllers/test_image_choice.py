"""The image that is chosen is the one that is seen, with one image or with many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.plugin.controllers.image_choice import ImageChoice
from napari_spatial_embeddings.plugin.layers.napari_compat import grid
from plugin.owners import Owners, make_owners


@pytest.fixture
def choice(owners: Owners) -> Iterator[ImageChoice]:
    made = ImageChoice(owners.viewer, owners.session, owners.images)
    yield made
    made.close()


def add(viewer: ViewerModel, name: str, side: int = 40, **how: Any) -> Image:
    layer = viewer.add_image(np.zeros((side, side), np.uint8), name=name, **how)
    assert isinstance(layer, Image)
    return layer


def visible(viewer: ViewerModel) -> set[str]:
    return {layer.name for layer in viewer.layers if layer.visible}


def test_the_dock_begins_with_the_image_that_is_seen(qapp: object, model: ViewerModel) -> None:  # noqa: ARG001
    layers = [add(model, name) for name in ("below", "seen", "hidden")]
    layers[-1].visible = False
    add(model, "bright parts", blending="additive")
    owners = make_owners(model)
    choice = ImageChoice(model, owners.session, owners.images)
    assert owners.images.layer is layers[1]
    assert choice.seen_instead is None
    choice.close()
    owners.close()


def test_what_is_opened_is_followed_until_something_was_done(
    owners: Owners, choice: ImageChoice
) -> None:
    viewer, images = owners.viewer, owners.images
    first, second = add(viewer, "first"), add(viewer, "second")
    assert images.layer is second, "three files that are dropped at once are seen one by one"
    assert visible(viewer) == {"second"}
    strokes = owners.actions.begin()
    strokes.draw()
    strokes.layer.paint((5, 5), 1)
    third = add(viewer, "third")
    assert images.layer is second
    assert choice.offered is third
    choice.take_offered()
    assert images.layer is third
    assert choice.offered is None
    assert visible(viewer) == {"third"}
    images.choose(first)  # the user chose it: it stays, whatever is opened
    fourth = add(viewer, "fourth")
    assert images.layer is first
    assert choice.offered is fourth
    choice.show_current()
    assert choice.offered is None
    assert visible(viewer) == {"first"}


def test_what_lies_over_the_chosen_image_is_hidden_and_comes_back(
    owners: Owners, choice: ImageChoice
) -> None:
    viewer, images = owners.viewer, owners.images
    below = add(viewer, "below")
    images.choose(below)
    owners.actions.begin()
    filtered = add(viewer, "filtered")
    assert choice.offered == filtered
    beside = add(viewer, "beside", translate=(0, 40))
    glow = add(viewer, "glow", blending="additive")
    images.choose(below)
    assert visible(viewer) == {"below", "below · annotations", "beside", "glow"}
    images.choose(beside)
    assert visible(viewer) == {"filtered", "beside", "glow"}, "it covers nothing of this one"
    images.choose(below)
    viewer.layers.remove(below)
    assert filtered.visible, "nothing is left that it lay over"
    assert glow.visible


def test_an_image_is_brought_back_by_what_is_done_with_it(
    owners: Owners, choice: ImageChoice
) -> None:
    viewer, images = owners.viewer, owners.images
    mine = add(viewer, "mine")
    layer = owners.actions.begin().layer
    over = add(viewer, "over")
    assert images.layer is mine
    owners.actions.use_tool("draw")
    assert visible(viewer) == {"mine", "mine · annotations"}
    over.visible = True  # the user wants to see it
    assert choice.offered == over
    viewer.layers.selection.active = layer
    assert not over.visible
    images.choose(over)
    assert visible(viewer) == {"over"}
    viewer.layers.selection.active = layer
    assert images.layer is over, "to look at a layer is not to work on it"
    layer.visible = True
    layer.mode = "paint"
    assert images.layer is mine
    assert viewer.layers.selection.active is layer
    assert str(layer.mode) == "paint"
    assert visible(viewer) == {"mine", "mine · annotations"}


@pytest.mark.parametrize("how", ["shown", "moved", "opaque", "opened", "grid"])
def test_nobody_paints_on_an_image_that_is_not_seen(
    how: str, owners: Owners, choice: ImageChoice
) -> None:
    viewer = owners.viewer
    over = add(viewer, "over", opacity=0.3 if how == "opaque" else 1.0)
    mine = add(viewer, "mine")
    assert owners.images.layer is mine
    if how in ("shown", "opaque", "grid"):
        viewer.layers.move(0, len(viewer.layers))
        over.visible = how != "shown"
        grid(viewer).enabled = how == "grid"
    strokes = owners.actions.begin()
    strokes.draw()
    over.visible = how != "shown"
    assert viewer.layers.selection.active is strokes.layer
    assert choice.offered is None
    if how == "shown":
        over.visible = True
    elif how == "moved":
        viewer.layers.move(viewer.layers.index(over), len(viewer.layers))
    elif how == "opaque":
        over.opacity = 1.0
    elif how == "grid":
        grid(viewer).enabled = False
    else:
        over = add(viewer, "another")
        viewer.layers.selection.active = over
    assert viewer.layers.selection.active is over
    assert owners.annotation.tool == ""
    assert choice.offered == over
    if how != "opened":  # napari itself selects what is opened
        assert "no tool works on mine now" in owners.messages[-1]


def test_a_hidden_image_is_not_painted_on_over_the_picture_of_another(
    owners: Owners, choice: ImageChoice
) -> None:
    below, mine = add(owners.viewer, "below"), add(owners.viewer, "mine")
    owners.actions.use_tool("draw")
    below.visible = True
    assert choice.offered is None
    mine.visible = False
    assert choice.offered is below
    assert owners.annotation.tool == ""
    owners.actions.use_tool("draw")
    assert mine.visible
    assert owners.annotation.tool == "draw"


def test_an_image_that_is_opened_beside_the_current_one_is_offered(
    owners: Owners, choice: ImageChoice
) -> None:
    viewer, images = owners.viewer, owners.images
    first = add(viewer, "first")
    beside = add(viewer, "beside", translate=(0, 40))
    assert images.layer is first
    assert choice.offered == beside
    assert choice.seen_instead is None
    choice.show_current()
    assert choice.offered is None
    assert visible(viewer) == {"first", "beside"}
    add(viewer, "a channel", blending="additive")
    assert choice.offered is None, "it is asked for as a channel"
    third = add(viewer, "third", translate=(0, 80))
    choice.take_offered()
    assert images.layer is third
    assert choice.offered is None


def test_when_the_current_image_is_removed_the_one_that_is_seen_is_chosen(
    owners: Owners, choice: ImageChoice, qtbot: QtBot
) -> None:
    viewer, images = owners.viewer, owners.images
    below, mine = add(viewer, "below"), add(viewer, "mine")
    owners.actions.use_tool("draw")
    left = owners.viewer.layers.selection.active
    assert left is not None
    viewer.layers.remove(mine)
    qtbot.waitUntil(lambda: images.layer is below)
    assert visible(viewer) == {"below"}, "what is left of the other one does not lie over it"
    assert viewer.layers.selection.active is below
    viewer.layers.selection.active = left
    left.visible = True
    left.mode = "paint"
    assert str(left.mode) == "pan_zoom"
    assert "The image of mine · annotations was removed" in owners.messages[-1]
    viewer.layers.remove(below)
    qtbot.waitUntil(lambda: owners.session.image is None)
    again = add(viewer, "mine")
    assert images.layer is again
    assert choice.offered is None


def test_no_tool_stays_on_what_is_left_of_the_only_image(
    owners: Owners, choice: ImageChoice, qtbot: QtBot
) -> None:
    image = add(owners.viewer, "mine")
    layer = owners.actions.begin().layer
    layer.mode = "paint"
    owners.viewer.layers.remove(image)
    qtbot.waitUntil(lambda: str(layer.mode) == "pan_zoom")
    assert layer.visible
    assert choice.offered is None

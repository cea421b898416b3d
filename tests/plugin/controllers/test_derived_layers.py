"""Layers that napari or a script derives from ours, and data that are replaced in place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, _layer_actions
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.plugin.layers.tags import KEY, LayerTag, role_of, stored_tag, tag_of
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.training_set import load_training_set
from plugin.owners import Owners
from plugin.scenes import EditorBench, new_scene

Pixels = NDArray[np.uint16]


def noise(*shape: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16)


def add(owners: Owners, pixels: NDArray[np.generic], **how: object) -> Image:
    layer = owners.viewer.add_image(pixels, name="cells", **how)
    owners.images.choose(layer)
    return layer


def paint(owners: Owners, *corners: int) -> Labels:
    """Paint and save a square for each corner."""
    layer = owners.actions.begin().layer
    for corner in corners:
        at = (*[0] * (layer.ndim - 2), slice(corner, corner + 4), slice(corner, corner + 4))
        layer.paint((*[0] * (layer.ndim - 2), corner, corner), layer.selected_label)
        assert layer.data[at].any()
    owners.autosave.flush()
    return layer


def project_of(owners: Owners) -> Project:
    owners.autosave.flush()
    assert owners.session.project is not None
    return Project.open(owners.session.project.folder)


def consistent(owners: Owners) -> None:
    """Check that what the session says of images is what the layers are."""
    for key, image in owners.session.images.items():
        assert image.layer in owners.viewer.layers
        tag = tag_of(image.layer)
        assert tag is not None
        assert (tag.role, tag.image) == ("image", key)
        assert image.image is None or image.image.shape == owners.images.image_data(key).shape
    keys = [tag.image for x in owners.viewer.layers if (tag := tag_of(x)) and tag.role == "image"]
    assert sorted(keys) == sorted(owners.session.images)
    assert owners.session.image is None or owners.session.image in owners.session.images


def script(layers: ViewerModel) -> None:
    """Add a filtered copy as scripts do, with the metadata of what it was made of."""
    layer = layers.selection.active
    layers.append(Image(layer.data + 1, name="filtered", metadata=layer.metadata))


ACTIONS: dict[str, Callable[..., None]] = {
    "split": _layer_actions._split_stack,
    "duplicate": _layer_actions._duplicate_layer,
    "labels": _layer_actions._convert_to_labels,
    "maximum": _layer_actions._project,
    "script": script,
}


@pytest.mark.filterwarnings("ignore:projection mode:UserWarning")  # of napari
@pytest.mark.parametrize("shape", [(2, 24, 32), (24, 32, 3)])
@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_derived_from_an_image_is_the_users_own(
    action: str, shape: tuple[int, ...], owners: Owners
) -> None:
    rgb = shape[-1] == 3
    pixels = noise(*shape)
    layer = add(owners, pixels.astype(np.uint8) if rgb else pixels, rgb=rgb)
    owners.viewer.layers.selection = {layer}
    if rgb and action in ("maximum", "labels"):
        pytest.skip("napari refuses colours")
    ACTIONS[action](owners.viewer.layers)
    assert owners.messages == []
    derived = [x for x in owners.viewer.layers if x is not layer]
    assert derived
    assert all(KEY not in x.metadata for x in derived)
    consistent(owners)
    assert (layer in owners.viewer.layers) == (owners.images.layer is layer)
    for one in derived:
        if isinstance(one, Image):
            owners.images.choose(one)
            assert owners.images.image_data().data.shape[1:] == (24, 32)
            paint(owners, 5)
            consistent(owners)


def test_pieces_merged_again_are_another_image(owners: Owners) -> None:
    add(owners, noise(3, 24, 32), channel_axis=None)
    _layer_actions._split_stack(owners.viewer.layers)
    pieces = list(owners.viewer.layers)
    owners.images.choose(pieces[0])
    for piece, colour in zip(pieces, ("red", "green", "blue"), strict=True):
        piece.colormap = colour
    owners.viewer.layers.selection = set(pieces)
    _layer_actions._merge_stack(owners.viewer.layers)
    (merged,) = owners.viewer.layers
    assert role_of(merged) is None
    assert owners.session.image is None
    owners.images.choose(merged)
    assert owners.images.axes == "CYX"
    consistent(owners)


def test_what_is_derived_from_our_other_layers_is_the_users_own(qtbot: QtBot) -> None:
    bench = EditorBench(qtbot)
    scene = new_scene(bench, qtbot)
    bench.annotation_actions.begin()
    ours = [x for x in bench.viewer.layers if tag_of(x) is not None]
    assert len(ours) == 6
    for layer in ours:
        bench.viewer.layers.selection = {layer}
        _layer_actions._duplicate_layer(bench.viewer.layers)
    assert [x for x in bench.viewer.layers if tag_of(x) is not None] == ours
    painted = bench.annotation.strokes(scene.key)
    assert painted is not None
    bench.viewer.layers.selection = {scene.layer}
    _layer_actions._convert_to_image(bench.viewer.layers)  # takes the place of the objects
    assert scene.key in bench.session.results
    scene.tune(seed_threshold=0.6)
    assert role_of(scene.layer) == "instances", "there is a new layer for the next result"
    bench.close()


@pytest.mark.parametrize("shape", [(24, 32), (24, 32, 3), (5, 24, 32), (1, 24, 32)])
def test_a_tag_that_fits_neither_type_nor_axes_is_no_tag(shape: tuple[int, ...]) -> None:
    tag = LayerTag("image", "cells", axes="CYX")
    image = Image(np.zeros(shape, np.uint8), metadata=tag.metadata())
    assert (tag_of(image) is not None) == (image.ndim == 3 and not image.rgb)
    assert stored_tag(image) == tag
    labels = Labels(np.zeros(shape, np.int32), metadata=tag.metadata())
    assert tag_of(labels) is None


def test_of_two_layers_that_say_the_same_of_themselves_one_is_believed(model: ViewerModel) -> None:
    from napari_spatial_embeddings.plugin.controllers.images import ImageController
    from napari_spatial_embeddings.plugin.state.session import Session

    tag, session = LayerTag("image", "cells", axes="YX"), Session()
    layers: list[Layer] = [
        model.add_image(noise(24, 32), metadata=tag.metadata()) for _ in range(2)
    ]
    images = ImageController(model, session)
    assert [role_of(x) for x in layers] == ["image", None]
    assert session.images["cells"].layer is layers[0]
    images.close()


# ------------------------------------------------------------ data replaced in place


def test_other_pixels_of_the_same_shape_are_the_same_image(owners: Owners) -> None:
    layer = add(owners, noise(24, 32))
    painted = paint(owners, 5, 15)
    assert project_of(owners).image("cells").data.dtype == np.uint16
    layer.data = layer.data / np.float32(999)
    consistent(owners)
    assert owners.session.image == "cells"
    assert role_of(painted) == "annotations"
    project = project_of(owners)
    assert np.array_equal(np.asarray(project.image("cells").data)[0], layer.data)
    assert project.annotation("cells") is not None
    layer.data = np.stack([layer.data, layer.data])  # another number of channels
    consistent(owners)
    assert owners.images.kind() == (2, 2)
    assert len(load_training_set(project_of(owners)).images) == 1
    assert owners.messages == []


@pytest.mark.parametrize("replacement", ["cropped", "projected", "sliced", "unusable"])
def test_pixels_of_another_shape_are_another_image(replacement: str, owners: Owners) -> None:
    layer = add(owners, noise(6, 24, 32), axis_labels=("z", "y", "x"))
    painted = paint(owners, 5, 15)
    before = painted.data.copy()
    painted.paint((0, 10, 10), 3)  # not saved yet
    after = painted.data.copy()
    data = {
        "cropped": layer.data[1:, 3:20, 3:20],
        "projected": layer.data.max(0),
        "sliced": layer.data[2:3],
        "unusable": np.zeros((2, 3, 4, 5, 6, 7), np.uint8),
    }
    layer.data = data[replacement]
    consistent(owners)
    assert not np.array_equal(before, after)
    assert owners.current.layer is layer
    assert "had 6 x 24 x 32 before: it is another image" in owners.messages[-1]
    assert painted.name == "cells · annotations before"
    assert role_of(painted) is None
    assert not painted.visible
    assert owners.annotation.strokes(owners.session.image) is None
    project = project_of(owners)
    found = project.annotation("cells")
    assert found is not None
    assert np.array_equal(found.labels, after), "nothing that was drawn is lost"
    assert project.image("cells").shape == (6, 24, 32), "with the pixels that it was drawn on"
    if replacement == "unusable":
        assert "has 6 axes" in owners.images.problem
        return
    again = paint(owners, 2)
    assert again.data.shape == owners.images.image_data().shape
    assert len(project_of(owners).card.images) == 2
    assert owners.autosave.problem == ""
    layer.data = noise(6, 24, 32)  # the old one again
    consistent(owners)
    assert owners.session.image == "cells"
    assert np.array_equal(owners.actions.begin().layer.data, after)


def test_an_annotation_of_another_shape_is_the_users_own(owners: Owners) -> None:
    add(owners, noise(24, 32))
    painted = paint(owners, 5, 15)
    saved = painted.data.copy()
    painted.data = painted.data[:20, :30]
    assert "it is a layer of your own" in owners.messages[-1]
    assert role_of(painted) is None
    assert np.array_equal(owners.actions.begin().layer.data, saved)
    owners.autosave.flush()
    assert owners.autosave.problem == ""


def test_an_annotation_of_another_type_goes_on_as_int32(owners: Owners) -> None:
    add(owners, noise(24, 32))
    painted = paint(owners, 5)
    painted.paint((15, 15), 127)
    strokes = owners.current.strokes
    assert strokes is not None
    for dtype in ("int8", "uint8", "uint16", "int64", "uint64"):
        before = painted.data.copy()
        owners.viewer.layers.selection = {painted}
        _layer_actions._convert_dtype(owners.viewer.layers, dtype)
        assert "stays of the type int32" in owners.messages.pop()
        assert painted.data.dtype == np.int32
        assert np.array_equal(painted.data, before)
        label = strokes.next
        assert label > 127, "int8 has no label for one more object"
        painted.paint((15, 5 + label - 128), label)
        assert painted.selected_label == strokes.next == label + 1
    painted.data = painted.data[:20].astype(np.int8)
    assert role_of(painted) is None
    assert painted.data.dtype == np.int8, "it is the user's own"
    owners.autosave.flush()
    assert owners.autosave.problem == ""


def test_results_of_other_pixels_do_not_stay(qtbot: QtBot) -> None:
    bench = EditorBench(qtbot)
    scene = new_scene(bench, qtbot)
    layer = bench.images.layer
    assert layer is not None
    layer.data = layer.data + 1
    assert "cells has other pixels now: predict it again" in bench.message
    assert scene.result is not None
    layer.data = layer.data[:50, :60]
    assert "it is another image. Predict it again." in bench.message
    assert bench.session.result is None
    assert list(bench.viewer.layers) == [layer]
    scene.until(lambda: not bench.results.busy)
    assert list(bench.viewer.layers) == [layer]
    bench.close()


def test_a_choice_of_axes_or_colours_is_followed_as_other_data_are(owners: Owners) -> None:
    layer = add(owners, noise(6, 24, 32))
    assert owners.images.axes == "ZYX"
    paint(owners, 5)
    owners.images.choose(layer, axes="TYX")
    assert owners.current.series is not None
    owners.images.choose(layer, axes="CYX")
    consistent(owners)
    assert owners.images.kind() == (6, 2)
    paint(owners, 5)
    entries = project_of(owners).card.images
    assert [entry.shape for entry in entries] == [(1, 6, 24, 32), (6, 24, 32)]
    owners.images.choose(layer, axes="ZYX")
    assert owners.session.image == "cells", "the project knows it"
    owners.viewer.layers.clear()
    colours = add(owners, noise(24, 32, 3).astype(np.uint8), rgb=True)
    paint(owners, 5)
    owners.images.choose(colours, grey="inverted")
    consistent(owners)
    assert owners.images.kind() == (1, 2)
    key = str(owners.session.image)
    assert project_of(owners).image(key).channels == 1
    assert owners.annotation.strokes(key) is not None, "what was drawn stays"
    assert owners.autosave.problem == ""


def test_the_project_of_replaced_pixels_is_left_without_their_copies(
    owners: Owners, tmp_path: Path
) -> None:
    layer = add(owners, noise(24, 32))
    paint(owners, 5)
    for change in (1, 2):
        layer.data = layer.data + change
    folder = project_of(owners).folder
    owners.project_images.remove("cells")
    assert not any((folder / "annotations").iterdir())
    assert owners.autosave.problem == ""
    assert tmp_path.exists()

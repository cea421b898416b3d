"""Records of the open images, which come and go with their layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.layers.annotation import add_layer, annotation_layer
from napari_spatial_embeddings.plugin.layers.tags import LayerTag, role_of, tag_of
from napari_spatial_embeddings.plugin.state.session import Session


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def images(qapp: object, model: ViewerModel, session: Session) -> Iterator[ImageController]:  # noqa: ARG001
    controller = ImageController(model, session)
    yield controller
    controller.close()


def add(model: ViewerModel, *shape: int, name: str = "cells") -> Image:
    return model.add_image(np.zeros(shape, np.uint8), name=name)


def test_an_image_has_a_record_from_when_it_is_chosen_until_its_layer_goes(
    model: ViewerModel, session: Session, images: ImageController
) -> None:
    layer = add(model, 20, 30)
    assert images.layers() == [layer]
    assert not session.images
    images.choose(layer)
    assert session.image == "cells"
    assert session.current is session.images["cells"]
    assert images.layer is layer
    assert images.axes == "YX"
    model.layers.remove(layer)
    assert not session.images
    assert session.image is None
    assert images.layer is None
    with pytest.raises(InputError, match="there is no image"):
        images.image_data()


def test_layers_that_were_there_before_have_records(qapp: object, model: ViewerModel) -> None:  # noqa: ARG001
    layer = add(model, 20, 30)
    layer.metadata = LayerTag("image", "cells", axes="YX").metadata()
    session = Session()
    images = ImageController(model, session)
    assert session.images["cells"].layer is layer
    images.close()


def test_the_middle_of_an_image_whose_axes_were_exchanged_is_shown(
    model: ViewerModel, images: ImageController
) -> None:
    layer = add(model, 9, 2, 20, 30)
    assert model.dims.current_step[0] == 4
    images.choose(layer)
    assert images.axes == "CZYX"
    assert model.dims.current_step[:2] == (1, 4)


def test_two_images_of_one_name_have_two_keys(
    model: ViewerModel, session: Session, images: ImageController
) -> None:
    for _ in range(2):
        images.choose(add(model, 20, 30))
    assert len(session.images) == 2


@pytest.mark.parametrize("role", ["image", "annotations"])
def test_a_copy_of_a_layer_is_the_users_own(
    role: str, model: ViewerModel, session: Session, images: ImageController
) -> None:
    images.choose(add(model, 20, 30))
    add_layer(
        model, annotation_layer("cells", "cells", np.zeros((20, 30), np.int32), {}, False, {})
    )
    layer = next(x for x in model.layers if role_of(x) == role)
    data, options, kind = layer.as_layer_data_tuple()
    copy = model._add_layer_from_data(data, options, kind)[0]
    assert role_of(copy) is None
    assert role_of(layer) == role
    assert session.images["cells"].layer is not copy


def test_other_axes_make_another_image(
    model: ViewerModel, session: Session, images: ImageController
) -> None:
    changes: list[str | None] = []
    layer = add(model, 3, 20, 30)
    images.choose(layer)
    assert images.axes == "CYX"
    assert images.kind() == (3, 2)
    session.image_changed.connect(lambda: changes.append(session.image))
    images.choose(layer, axes="CYX")
    assert not changes
    images.choose(layer, axes="ZYX")
    assert changes == [None, "cells"], "what depends on the axes is recomputed"
    assert images.kind() == (1, 3)
    assert images.image_data().data.shape == (1, 3, 20, 30)
    images.choose(layer)
    assert images.axes == "ZYX", "axes are kept"


def test_channels_are_layers_of_the_same_pixels(
    model: ViewerModel, session: Session, images: ImageController
) -> None:
    first, second = add(model, 20, 30), add(model, 20, 30, name="membranes")
    images.choose(first, channels=(second,))
    assert images.kind() == (2, 2)
    assert images.image_data().data.shape == (2, 20, 30)
    images.choose(first)
    assert images.kind() == (2, 2), "channels are kept"
    model.layers.remove(second)
    assert images.kind() == (1, 2)
    images.choose(first, channels=(add(model, 20, 31, name="other"),))
    with pytest.raises(InputError, match="must cover the same pixels"):
        images.image_data()
    assert session.image == "cells"


def test_layers_of_an_image_follow_its_transform(
    model: ViewerModel, images: ImageController
) -> None:
    moved: list[str] = []
    layer = add(model, 3, 20, 30)
    images.choose(layer)
    empty = np.zeros((20, 30), np.int32)
    painted = add_layer(model, annotation_layer("cells", "cells", empty, {}, False, {}))
    images.moved.connect(moved.append)
    images.set_pixel_size((0.5, 0.25), "um")
    assert moved
    assert np.allclose(layer.scale, (1, 0.5, 0.25))
    assert np.allclose(painted.scale, (0.5, 0.25))
    layer.translate = (0, 7, 8)
    assert np.allclose(painted.translate, (7, 8))
    layer.axis_labels = ("c", "y", "x")
    assert painted.axis_labels == ("y", "x")
    set_again: list[str] = []
    for name in ("scale", "rotate", "affine", "units", "set_data"):
        painted.events[name].connect(lambda event: set_again.append(event.type))
    layer.axis_labels = ("channel", "row", "column")
    assert set_again == [], "what is the same already is not drawn again"


def test_forgetting_leaves_the_image_to_the_user(
    model: ViewerModel, session: Session, images: ImageController
) -> None:
    layer = add(model, 20, 30)
    images.choose(layer)
    empty = np.zeros((20, 30), np.int32)
    add_layer(model, annotation_layer("cells", "cells", empty, {}, False, {}))
    images.forget("cells")
    assert list(model.layers) == [layer]
    assert tag_of(layer) is None
    assert not session.images


def test_several_channels_in_the_place_of_one_have_no_meaning_yet(
    model: ViewerModel, session: Session, images: ImageController
) -> None:
    """With one of them, it made no difference what their axis was called."""
    layer = add(model, 1, 20, 30)
    images.choose(layer)
    assert images.axes == "CYX"
    layer.data = np.zeros((9, 20, 30), np.uint8)
    images.choose(layer)
    assert images.axes == "ZYX", "many planes are slices, as in a layer that is new"
    other = add(model, 1, 20, 30, name="other")
    images.choose(other)
    other.data = np.zeros((2, 20, 30), np.uint8)
    assert images.axes == "CYX"
    tag = tag_of(other)
    assert tag is not None
    assert tag.guessed, "the user is asked to check it"
    images.choose(other, "CYX")
    other.data = np.zeros((9, 20, 30), np.uint8)
    assert images.axes == "CYX", "what was chosen stays"
    assert session.image == "other"


def test_grey_values_of_colours_stay_what_they_are(
    model: ViewerModel, images: ImageController
) -> None:
    layer = model.add_image(np.zeros((20, 30, 3), np.uint8), rgb=True)
    images.choose(layer, grey="inverted")
    layer.data = np.ones((20, 30, 3), np.uint8)
    assert (images.axes, images.grey) == ("YXC", "inverted")

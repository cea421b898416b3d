"""Size of the objects in the window: found in a worker, set for all images, shown as a circle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.inference.registry import shipped
from napari_spatial_embeddings.plugin.controllers.proposing.object_size import SizeController
from napari_spatial_embeddings.plugin.layers.tags import tagged
from plugin.fake_results import Bench, new_bench


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        bench.session.device = "cpu"
        yield bench


@pytest.fixture
def size(bench: Bench) -> Iterator[SizeController]:
    size = SizeController(bench.viewer, bench.session, bench.images, bench.prediction, bench.parent)
    yield size
    size.close()


def open_nuclei(bench: Bench, model: str = "nuclei-2d") -> None:
    bench.session.set_model(model, shipped()[model].clustering)
    bench.images.choose(bench.viewer.add_image(samples.nuclei(1, size=96).image[0], name="nuclei"))


def find(size: SizeController, qtbot: QtBot) -> None:
    size.find()
    qtbot.waitUntil(lambda: not size.busy, timeout=300_000)


def circles(bench: Bench) -> list[float]:
    """Return the widths of the circles that are shown."""
    layers = tagged(bench.viewer, "proposed", part="size")
    return [float(np.ptp(x.data[0][:, -1])) for x in layers if x.visible]


def test_the_size_is_found_set_and_shown(bench: Bench, size: SizeController, qtbot: QtBot) -> None:
    open_nuclei(bench)
    assert size.diameter == pytest.approx(shipped()["nuclei-2d"].diameter)
    find(size, qtbot)
    found = bench.session.prediction.object_diameter
    assert found == pytest.approx(18, rel=0.35)
    assert size.diameter == found
    assert size.circled
    assert circles(bench) == [pytest.approx(found)]
    assert f"about {found:.0f} pixels" in bench.message
    bench.session.set_prediction(object_diameter=30.0)
    assert circles(bench) == [pytest.approx(30)]
    size.set_diameter(None)
    assert circles(bench) == [pytest.approx(shipped()["nuclei-2d"].diameter)]
    size.circle(False)
    assert circles(bench) == []


def test_images_that_agree_are_searched_together(
    bench: Bench, size: SizeController, qtbot: QtBot
) -> None:
    open_nuclei(bench)
    bench.images.choose(bench.viewer.add_image(np.zeros((40, 50), np.uint8), name="empty"))
    pixels = samples.nuclei(1, size=96).image[0][::-1]
    bench.images.choose(bench.viewer.add_image(pixels, name="turned"))
    find(size, qtbot)
    assert bench.session.prediction.object_diameter == pytest.approx(18, rel=0.35)
    assert "The objects of 2 images seem" in bench.message


def test_no_object_is_a_sentence_and_changes_nothing(
    bench: Bench, size: SizeController, qtbot: QtBot
) -> None:
    open_nuclei(bench)
    bench.images.choose(bench.viewer.add_image(np.zeros((40, 50), np.uint8), name="empty"))
    find(size, qtbot)
    assert bench.session.prediction.object_diameter is None
    assert "no objects here at any size" in bench.message


def test_what_cannot_be_searched_is_a_sentence(bench: Bench, size: SizeController) -> None:
    size.find()
    assert "no image" in bench.message
    size.circle(True)
    assert not size.circled
    open_nuclei(bench, "nuclei-3d")
    size.find()
    assert not size.busy
    assert "nuclei-3d" in bench.message or "volume" in bench.message.lower()


def test_another_model_or_image_ends_the_search(bench: Bench, size: SizeController) -> None:
    open_nuclei(bench)
    size.find()
    assert size.busy
    bench.session.set_model("cells-2d", shipped()["cells-2d"].clustering)
    assert not size.busy
    size.find()
    bench.images.choose(bench.viewer.add_image(np.zeros((40, 50), np.uint8), name="other"))
    assert not size.busy
    assert bench.session.prediction.object_diameter is None


def test_a_circle_that_the_user_removes_is_off(bench: Bench, size: SizeController) -> None:
    open_nuclei(bench)
    size.circle(True)
    assert circles(bench)
    bench.viewer.layers.remove(next(tagged(bench.viewer, "proposed", part="size")))
    assert not size.circled
    assert circles(bench) == []

"""The model that predicts, and the start model, before and after the user chooses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtWidgets import QComboBox

from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import shipped, suiting
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.train import TrainStep
from napari_spatial_embeddings.plugin.sections.tune import TuneStep
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.samples import nuclei
from plugin.robot_actions import add_image, open_dock


@pytest.fixture
def train(dock: SpatialEmbeddingsWidget) -> TrainStep:
    return next(step for step in dock.steps if isinstance(step, TrainStep))


@pytest.fixture
def tune(dock: SpatialEmbeddingsWidget) -> TuneStep:
    return next(step for step in dock.steps if isinstance(step, TuneStep))


def pick(box: QComboBox, title: str) -> None:
    """Choose an entry as a user does."""
    index = box.findText(title)
    assert index >= 0
    box.setCurrentIndex(index)
    box.activated.emit(index)


def grey(dark: bool) -> NDArray[np.uint8]:
    image = nuclei(size=96).image[0]
    scaled: NDArray[np.uint8] = (255.0 * (image - image.min()) / np.ptp(image)).astype(np.uint8)
    return scaled if dark else np.invert(scaled)


def test_only_models_that_can_take_the_image_suit_it() -> None:
    for name, card in shipped().items():
        settings = card.settings
        for ndim in (2, 3):
            for channels in (1, 3):
                can = (settings.ndim, settings.in_channels) == (ndim, channels)
                assert (name in suiting(ndim, channels, colours=card.colours)) == can
    assert suiting(2, 1, dark=True)[0].startswith("nuclei")
    assert not suiting(2, 1, dark=False)[0].startswith("nuclei")


@pytest.mark.parametrize("dark", [True, False])
def test_what_suits_the_image_is_chosen(
    dark: bool, viewer: Viewer, dock: SpatialEmbeddingsWidget, train: TrainStep, tune: TuneStep
) -> None:
    assert dock.session.model is None
    dock.images.choose(viewer.add_image(grey(dark)))
    best = suiting(2, 1, dark=dark)[0]
    assert dock.session.model == tune.predict.model.chosen == train.start_model.chosen == best
    assert dock.session.clustering == shipped()[best].clustering
    assert tune.predict.view.isEnabled()
    # Another image, another model; and none, where none can take it.
    dock.images.choose(viewer.add_image(grey(not dark)))
    assert dock.session.model == suiting(2, 1, dark=not dark)[0]
    dock.images.choose(viewer.add_image(np.zeros((40, 50, 3), np.uint8), rgb=True))
    assert dock.session.model is None
    assert train.start_model.chosen == suiting(2, 1, dark=True)[0], "it is carried over"
    assert tune.predict.model.currentText() == "none yet"


def test_an_image_may_be_there_before_the_plugin(viewer: Viewer) -> None:
    viewer.add_image(grey(dark=True))
    dock = open_dock(viewer)
    train = next(step for step in dock.steps if isinstance(step, TrainStep))
    assert dock.session.model == train.start_model.chosen == suiting(2, 1, dark=True)[0]


def test_a_volume_gets_a_model_for_volumes(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    dock.images.choose(viewer.add_image(np.zeros((12, 40, 50), np.uint8)))
    assert dock.session.model == next(iter(suiting(3, 1, dark=True)), None)


def test_what_the_user_chose_stays(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, tune: TuneStep, train: TrainStep
) -> None:
    dock.images.choose(viewer.add_image(grey(dark=True)))
    pick(tune.predict.model, "cells-2d")
    dock.images.choose(viewer.add_image(grey(dark=True)))
    assert dock.session.model == train.start_model.chosen == "cells-2d"
    pick(train.start_model, "From scratch")
    pick(tune.predict.model, "nuclei-2d")
    assert train.start_model.chosen is None
    dock.project.ensure()  # as the first annotation does
    assert train.start_model.chosen is None
    assert dock.session.model == "nuclei-2d"


def test_a_project_comes_back_with_its_model_and_sliders(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, train: TrainStep, tune: TuneStep, tmp_path: Path
) -> None:
    layer = add_image(viewer, nuclei(size=96))
    dock.images.choose(layer)
    pick(tune.predict.model, "cells-2d")
    dock.session.tune(seed_threshold=0.77)
    project = dock.project.ensure()
    dock.autosave.save_now()
    other = Project.create(tmp_path / "other", clustering=ClusteringSettings(seed_threshold=0.66))
    dock.project.open(other.folder)
    dock.images.choose(add_image(viewer, nuclei(size=96)))
    assert dock.session.model == "nuclei-2d", "it has none"
    assert dock.session.clustering.seed_threshold == 0.66, "as it was saved"
    dock.project.open(project.folder)
    assert dock.session.model == train.start_model.chosen == "cells-2d"
    assert dock.session.clustering.seed_threshold == 0.77
    # A project's own model comes before all others.
    dock.project.open(other.folder)
    SpatialEmbeddings(ModelSettings(width=8, levels=2)).save(project.model_folder)
    dock.project.open(project.folder)
    dock.images.choose(add_image(viewer, nuclei(size=96)))
    assert dock.session.model == train.start_model.chosen == str(project.model_folder)
    assert tune.predict.model.currentText() == "Project's model"

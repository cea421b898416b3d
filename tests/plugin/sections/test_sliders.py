"""Sliders of the clustering's settings, and the advice below them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.plugin.sections.sliders import Sliders, advice
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from plugin.fake_results import discs, segmentation, uncertain_maps

MOVES = {
    "seed_threshold": 0.9,
    "foreground_threshold": 0.55,
    "margin_factor": 0.7,
    "min_free_fraction": 0.95,
    "min_size": 60,
}


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def sliders(qtbot: QtBot, session: Session) -> Sliders:
    sliders = Sliders(session)
    qtbot.addWidget(sliders)
    return sliders


def test_every_setting_has_a_slider() -> None:
    assert MOVES.keys() == ClusteringSettings.model_fields.keys()


def test_a_slider_and_its_box_agree(sliders: Sliders, session: Session) -> None:
    for name, value in MOVES.items():
        slider = sliders.slider(name)
        slider.box.setValue(value)
        assert getattr(session.clustering, name) == value
        place = slider.slider.value()
        session.tune(**{name: ClusteringSettings.model_fields[name].default})
        assert slider.value == ClusteringSettings.model_fields[name].default
        slider.slider.setValue(place)
        assert getattr(session.clustering, name) == pytest.approx(value, rel=0.02)
        assert slider.value == pytest.approx(value, rel=0.02)


def test_holding_a_slider_is_signalled(sliders: Sliders) -> None:
    held: list[bool] = []
    sliders.held.connect(held.append)
    slider = sliders.slider("margin_factor").slider
    slider.setSliderDown(True)
    slider.setSliderDown(False)
    assert held == [True, False]


def test_closed_sliders_follow_no_more(sliders: Sliders, session: Session) -> None:
    before = sliders.slider("margin_factor").value
    sliders.close_down()
    session.tune(margin_factor=2.0)
    assert sliders.slider("margin_factor").value == before


def test_advice_on_settings_that_do_nothing() -> None:
    maps = uncertain_maps(discs())
    session, highest = Session(), float(maps.seed.max())

    def note(maps: EmbeddingMaps = maps, **changes: Any) -> str:
        session.tune(**{**ClusteringSettings().model_dump(), **changes})
        return advice(session.clustering, segmentation(session, maps))

    assert note() == ""
    assert "the seed threshold changes nothing" in note(seed_threshold=0.3)
    assert f"highest seed value is {highest:.2f}; lower the seed" in note(seed_threshold=1.0)
    assert "lower the foreground" in note(seed_threshold=0, foreground_threshold=1.0)
    assert "as large as the minimum size" in note(min_size=5000)
    assert "lower the free fraction" in note(min_free_fraction=1)
    assert note(uncertain_maps(np.zeros((20, 20), np.int32))) == "Nothing was predicted here yet."
    assert advice(ClusteringSettings(), None) == ""


def test_advice_is_shown(sliders: Sliders, session: Session) -> None:
    session.images["a"] = OpenImage("a", None)
    session.set_image("a")
    assert sliders.note == ""
    assert not any(sliders.slider(name).isEnabled() for name in MOVES)
    maps = uncertain_maps(discs())
    session.set_result("a", segmentation(session, maps))
    sliders.explain(session.result)
    assert all(sliders.slider(name).isEnabled() for name in MOVES)
    session.tune(min_free_fraction=1)
    assert "lower the free fraction" in sliders.note

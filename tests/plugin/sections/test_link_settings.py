"""Settings of the linking on the screen, in the unit of the labels."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.plugin.sections.tracking.settings import LinkSettings


@pytest.mark.parametrize(("unit", "shown"), [("um", 2.5), ("nm", 2500.0), (None, None)])
def test_settings_of_a_project_are_shown(
    qtbot: QtBot, unit: str | None, shown: float | None
) -> None:
    widget = LinkSettings()
    qtbot.addWidget(widget)
    widget.set_unit(unit)
    chosen = TrackingSettings(
        max_step=2.5, step_unit="um", max_gap=4, divisions=True, overlap_weight=0.7
    )
    widget.show_settings(chosen)
    assert widget.editors["max_step"].value == (None if shown is None else pytest.approx(shown))
    now = widget.settings
    if unit is None:  # a step in micrometres is none in pixels
        assert (now.max_step, now.step_unit) == (None, "px")
        now = now.updated(max_step=2.5, step_unit="um")
    assert now.max_step == pytest.approx(2.5)
    assert now.updated(max_step=2.5) == chosen, "also what is not on the screen"

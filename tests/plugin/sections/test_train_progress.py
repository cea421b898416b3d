"""The texts about the progress of a training."""

from __future__ import annotations

from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QLabel, QWidget

from napari_spatial_embeddings.plugin.sections.train_progress import TrainingProgress
from napari_spatial_embeddings.plugin.sections.train_use import used_text
from napari_spatial_embeddings.plugin.state.session import Session


@pytest.mark.parametrize(("n", "ending"), [(1, ""), (2, "s")])
def test_numbers_go_with_their_nouns(qtbot: QtBot, n: int, ending: str) -> None:
    session = Session()
    progress = TrainingProgress(session, QWidget())
    qtbot.addWidget(progress)
    pixels = {"object_pixels": 1, "background_pixels": 1, "ignored_pixels": 2}
    used = {"used": {"objects": n, "images": n, **pixels}}
    losses = dict.fromkeys(("loss", "instance", "variance", "seed"), 1.0)
    report: dict[str, Any] = {"seconds": 65.0, "seconds_left": 0.0, "step": n, "validation": None}
    session.set_status("done", used=used, reports=({**report, **losses, "steps_per_second": 1.0},))
    assert progress.texts[0] == f"{n} step{ending} in 1:05 min"
    assert used_text(session.training) == f"{n} annotated object{ending} in {n} image{ending}."
    tips = [label.toolTip() for label in progress.findChildren(QLabel)]
    assert any(used_text(session.training) in tip and "50.0%" in tip for tip in tips)
    progress.close_down()


def test_before_a_training_there_is_what_will_be_there(qtbot: QtBot) -> None:
    session = Session()
    progress = TrainingProgress(session, QWidget())
    qtbot.addWidget(progress)
    progress.resize(280, progress.sizeHint().height())
    progress.show()
    height, before = progress.sizeHint().height(), progress.curve.grab().toImage()
    assert not progress.curve.started
    session.set_status("starting")
    assert progress.curve.started
    assert progress.curve.grab().toImage() != before
    assert progress.sizeHint().height() == height, "nothing moves"
    session.set_status("idle")
    assert progress.curve.grab().toImage() == before
    progress.close_down()


def test_what_is_done_between_two_reports_is_shown(qtbot: QtBot) -> None:
    """The clustering of the first validation may have to be compiled amid a training."""
    session = Session()
    progress = TrainingProgress(session, QWidget())
    qtbot.addWidget(progress)
    losses = dict.fromkeys(("loss", "instance", "variance", "seed"), 1.0)
    facts: dict[str, Any] = {"seconds_left": 60.0, "validation": None, "steps_per_second": 2.0}
    for step, seconds in enumerate((1.0, 2.0)):
        session.set_status("running", stage="compiling, once per installation")
        assert progress.texts[0].startswith("Compiling, once per installation")
        session.add_report({"step": step, "seconds": seconds, **facts, **losses})
        # Before the first step there is no speed.
        assert progress.texts[0] == f"1:00 min left{' · 2.0 steps/s' if step else ''}"
    progress.close_down()

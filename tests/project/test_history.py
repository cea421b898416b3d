"""The history of a project's trainings: what is known of the last one."""

from __future__ import annotations

from pathlib import Path

from napari_spatial_embeddings.project.history import History, LastTraining


def test_a_training_that_was_resumed_is_one(tmp_path: Path) -> None:
    """What it did after its last checkpoint is done again, and counts once."""
    history = History(tmp_path / "history.jsonl")
    history.note({"event": "start", "start": "other"})
    history.note({"event": "report", "step": 9, "saved": True, "done": True})
    history.note({"event": "start", "start": "cells-2d", "resumed": False})
    for step in (1, 4, 6, 8):
        history.note({"event": "report", "step": step, "saved": step == 4, "message": "a"})
    history.note({"event": "start", "start": "own", "resumed": True})
    for step in (5, 7):
        history.note({"event": "report", "step": step, "saved": False, "message": "b"})
    last = history.last()
    assert last.start["start"] == "cells-2d"
    assert [(r["step"], r["message"]) for r in last.reports] == [
        (1, "a"),
        (4, "a"),
        (5, "b"),
        (7, "b"),
    ]
    assert last.wrote


def test_of_no_training_nothing_is_known(tmp_path: Path) -> None:
    assert History(tmp_path / "history.jsonl").last() == LastTraining()

"""Fixtures of scores without a window."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from plugin.scenes import EditorBench, Scene, new_scene
from plugin.scored import Scoring


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scoring(bench: EditorBench, qtbot: QtBot) -> Iterator[Scoring]:
    made = Scoring(bench, qtbot)
    yield made
    made.controller.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    return new_scene(bench, qtbot)

"""Bars in napari's activity dock: only what takes longer, gone with its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from napari.utils import progress
from pytestqt.qtbot import QtBot

from movies import moving
from napari_spatial_embeddings.plugin.controllers import activity
from napari_spatial_embeddings.plugin.controllers.activity import ActivityController
from plugin.scenes import EditorBench


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


def bars() -> dict[str, tuple[float, float]]:
    """Return the bars that there are: how much is done, of how much."""
    return {bar.desc.rstrip(": "): (bar.n, bar.total) for bar in progress._all_instances}


def test_what_takes_longer_has_a_bar(
    bench: EditorBench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "INTERVAL_MS", 20)
    controller = ActivityController(
        bench.session,
        bench.prediction,
        bench.start_maps,
        bench.large,
        bench.export,
        bench.linking,
        bench.parent,
    )
    bench.prediction.progressed.emit(1, 9, "tile 1 of 9")
    bench.prediction.ended.emit(True)
    qtbot.wait(100)
    assert bars() == {}, "it was over at once"

    bench.prediction.progressed.emit(2, 9, "tile 2 of 9")
    qtbot.waitUntil(lambda: bars() == {"tile 2 of 9": (2, 9)})
    bench.prediction.progressed.emit(5, 9, "tile 5 of 9")
    qtbot.waitUntil(lambda: bars() == {"tile 5 of 9": (5, 9)})
    bench.session.set_status("starting", stage="loading PyTorch")
    qtbot.waitUntil(lambda: "Training: loading PyTorch" in bars())
    bench.prediction.ended.emit(True)
    bench.session.add_report({"seconds": 30.0, "seconds_left": 90.0})
    qtbot.waitUntil(lambda: bars() == {"Training: 1:30 min left": (250, 1000)})
    (bar,) = progress._all_instances
    assert str(bar).endswith("|"), "no rate behind it, which would be one of shares of the time"
    bench.session.set_status("done")
    qtbot.waitUntil(lambda: bars() == {})

    bench.session.set_status("starting", stage="loading PyTorch")
    qtbot.waitUntil(lambda: len(bars()) == 1)
    controller.close()
    assert bars() == {}


def test_linking_has_a_bar(
    bench: EditorBench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("laptrack")
    monkeypatch.setattr(activity, "INTERVAL_MS", 1)
    controller = ActivityController(
        bench.session,
        bench.prediction,
        bench.start_maps,
        bench.large,
        bench.export,
        bench.linking,
        bench.parent,
    )
    shown = set[str]()
    look = controller._timer.timeout.connect(lambda: shown.update(bars()))
    assert look is not None
    bench.viewer.add_labels(moving(16, 40, (200, 200)), name="cells")
    bench.linking.link()
    qtbot.waitUntil(lambda: not bench.linking.busy, timeout=300_000)
    qtbot.waitUntil(lambda: bars() == {})
    assert any(text.startswith("Tracks: Frame ") for text in shown), shown
    controller.close()

"""Corrections of a frame offered in the following ones, and locked objects copied to the next."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.errors import InputError
from plugin.films import Film
from plugin.scenes import EditorBench

FRAMES = 5

Labels = NDArray[np.int32]


def cells(halved: bool = True) -> Labels:
    """Return four cells, of which one is in two halves."""
    labels = np.zeros((60, 60), np.int32)
    for k, (y, x) in enumerate(((5, 5), (5, 35), (35, 5))):
        labels[y : y + 16, x : x + 16] = k + 1
    labels[35:51, 35:43] = 4
    labels[35:51, 43:51] = 5 if halved else 4
    return labels


class Desk:
    """A film at which someone clicks."""

    def __init__(self, qtbot: QtBot) -> None:
        self.bench, self._qtbot = EditorBench(qtbot), qtbot
        self.film = Film(self.bench, [cells()] * 3 + [cells(halved=False), cells()])
        self.wait()

    def wait(self) -> None:
        parts = (self.bench.correction, self.bench.following, self.bench.reclustering)
        self._qtbot.waitUntil(lambda: not any(part.busy for part in parts), timeout=300_000)

    def use(self, tool: str, *pixels: tuple[int, int]) -> None:
        tools, t = self.bench.correction_tool, self.film.series.frame
        tools.use(tool)
        assert tools.layer is not None
        for pixel in pixels:
            tools._pointer.clicked.emit(tools.layer.data_to_world((t, *pixel)))
        self.wait()

    def merge(self) -> None:
        self.use("merge", (43, 38), (43, 47))

    def undo(self) -> None:
        self.bench.correction.undo()
        self.wait()

    def apply(self) -> None:
        self.bench.following.apply()
        self.wait()

    @property
    def offered(self) -> str:
        offer = self.bench.following.offer
        return "" if offer is None else offer.text

    @property
    def counts(self) -> list[int]:
        """The number of objects of each frame."""
        return [len(self.film.objects(t)) for t in range(FRAMES)]


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Desk]:
    desk = Desk(qtbot)
    yield desk
    desk.bench.close()


def test_a_merge_is_offered_where_the_same_two_are_apart(desk: Desk) -> None:
    desk.film.go(1)
    assert desk.counts == [5, 5, 5, 4, 5]
    desk.merge()
    assert desk.counts == [5, 4, 5, 4, 5], "nothing is done by itself"
    assert desk.offered == "The same in 2 following frames (2 to 4)"
    desk.apply()
    assert desk.counts == [5, 4, 4, 4, 4]
    assert desk.offered == ""
    assert desk.bench.message == "Done in 2 following frames: Ctrl+Z takes all of it back."
    assert desk.film.corrected() == [0, 1, 1, 0, 1]
    shown = [len(np.unique(frame)) - 1 for frame in desk.film.found]
    assert shown == desk.counts
    desk.undo()
    assert desk.counts == [5, 4, 5, 4, 5], "one step back in all of them"
    assert desk.bench.message == "Undone in 2 frames."
    desk.bench.correction.redo()
    desk.wait()
    assert desk.counts == [5, 4, 4, 4, 4]
    desk.undo()
    desk.undo()
    assert desk.counts == [5, 5, 5, 4, 5], "then the first correction"


def test_the_step_back_leaves_what_was_corrected_since(desk: Desk) -> None:
    desk.merge()
    desk.apply()
    assert desk.counts == [4, 4, 4, 4, 4]
    desk.film.go(2)
    desk.use("delete", (10, 10))
    desk.film.go(4)  # from any of the frames
    desk.undo()
    assert desk.counts == [4, 5, 3, 4, 5]
    desk.film.go(2)
    desk.undo()
    assert desk.counts == [4, 5, 4, 4, 5]
    desk.undo()
    assert desk.counts == [4, 5, 5, 4, 5]


def test_an_offer_is_withdrawn_when_the_objects_are_others(desk: Desk) -> None:
    desk.merge()
    assert desk.offered
    desk.film.go(2)
    assert desk.offered, "the frames are looked at first"
    desk.use("accept", (10, 10))
    assert desk.offered == ""
    with pytest.raises(InputError, match="no correction to be repeated"):
        desk.bench.following.apply()
    desk.film.go(0)
    desk.use("delete", (10, 10))
    assert desk.offered == "The same in 1 following frame (1)", "in the next it is locked"
    desk.bench.session.tune(min_size=5)
    desk.wait()
    assert desk.offered == ""


def test_frames_that_are_not_predicted_end_an_offer(qtbot: QtBot) -> None:
    bench = EditorBench(qtbot)
    film = Film(bench, [cells()] * 4, predicted=(0, 1, 3))
    desk = Desk.__new__(Desk)
    desk.bench, desk.film, desk._qtbot = bench, film, qtbot
    desk.wait()
    desk.merge()
    assert desk.offered == "The same in 1 following frame (1)"
    bench.close()


def test_locked_objects_are_copied_to_the_next_frame(desk: Desk) -> None:
    following = desk.bench.following
    assert following.problem().startswith("no object of frame 0 is locked")
    desk.use("accept", (10, 10), (10, 40), (40, 10))
    desk.film.go(1)
    desk.use("accept", (10, 40))
    desk.film.go(0)
    following.copy_locked()
    desk.wait()
    assert desk.film.series.frame == 1, "it is looked at"
    assert desk.film.corrected()[:2] == [3, 3]
    assert desk.bench.message == (
        "2 locked objects copied from frame 0 to frame 1; 1 not copied, as objects are locked there"
        " already. Correct what has moved; Ctrl+Z takes it back."
    )
    desk.undo()
    assert desk.film.corrected()[:2] == [3, 1]
    desk.film.go(4)
    assert following.problem() == "frame 4 is the last one: there is no next frame"


def test_tracks_find_the_same_cells_where_they_are_linked(qtbot: QtBot) -> None:
    pytest.importorskip("laptrack")
    far = [np.roll(cells(), 7 * t, axis=0) for t in range(2)]
    bench = EditorBench(qtbot)
    desk = Desk.__new__(Desk)
    desk.bench, desk.film, desk._qtbot = bench, Film(bench, far), qtbot
    desk.wait()
    desk.merge()
    assert desk.offered == "", "the halves lie elsewhere in the next frame"
    desk.undo()
    bench.linking.settings = bench.linking.settings.updated(max_step=10.0)
    bench.linking.link()
    qtbot.waitUntil(lambda: not bench.linking.busy, timeout=300_000)
    desk.merge()
    assert desk.offered == "The same in 1 following frame (1)"
    desk.apply()
    assert [len(desk.film.objects(t)) for t in range(2)] == [4, 4]
    bench.close()

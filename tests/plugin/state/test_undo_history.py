"""Properties of the undo history."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_spatial_embeddings.plugin.state.undo_history import UndoHistory


@given(st.lists(st.sampled_from(["do", "undo", "redo"]), max_size=40), st.integers(1, 5))
def test_it_is_a_list_and_a_place_in_it(moves: list[str], steps: int) -> None:
    history: UndoHistory[int] = UndoHistory(steps)
    states, place, present = [0], 0, 0
    for n, move in enumerate(moves, 1):
        if move == "do":
            history.push(present)
            states, present = [*states[: place + 1], n], n
            place += 1
            if place > steps:
                states, place = states[1:], place - 1
        elif move == "undo":
            assert history.can_undo == (place > 0)
            if history.can_undo:
                present, place = history.undo(present), place - 1
        else:
            assert history.can_redo == (place < len(states) - 1)
            if history.can_redo:
                present, place = history.redo(present), place + 1
        assert present == states[place]


def test_what_does_not_fit_is_forgotten() -> None:
    history: UndoHistory[str] = UndoHistory(room=10)
    for state in "abc":
        history.push(state, 4)
    assert history.undo("d", 4) == "c"
    assert history.undo("c", 4) == "b"
    assert not history.can_undo
    with pytest.raises(IndexError):
        history.undo("b")

"""Word of what numba compiles: once in an installation, and of our own functions alone."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from loops import loops
from napari_spatial_embeddings.cli.compiling import COMPILING, compiling_noted
from napari_spatial_embeddings.core.compiled import noticed


def test_it_is_noticed_once_in_an_installation(tmp_path: Path) -> None:
    told: list[int] = []
    for _ in range(2):
        module = loops(tmp_path)
        with noticed(lambda: told.append(1)):
            assert module.twice(3) == 6
            assert module.twice(4) == 8
    assert told == [1], "the second time, what the first kept was loaded"
    assert module.twice(3.0) == 6
    assert told == [1], "nobody is told any more"


def test_functions_of_others_are_none_of_ours(tmp_path: Path) -> None:
    told: list[int] = []
    with noticed(lambda: told.append(1)):
        assert loops(tmp_path, "napari_spatial_embeddings_of_others").twice(3) == 6
    assert not told


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, value, lines in ((Terminal(), 3, [COMPILING]), (io.StringIO(), 3j, [])):
        monkeypatch.setattr(sys, "stderr", stream)
        with compiling_noted():
            assert loops(tmp_path).twice(value) == 2 * value
        assert stream.getvalue().splitlines() == lines

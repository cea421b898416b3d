"""Word of what numba compiles: once in an installation, and of our own functions alone."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from loops import loops
from napari_spatial_embeddings.cli.compiling import (
    COMPILING,
    STAGE,
    compiling_noted,
    compiling_staged,
)
from napari_spatial_embeddings.cli.reporter import Reporter
from napari_spatial_embeddings.core.compiled import notice, noticed


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


def test_a_training_reports_it_as_a_stage_after_which_the_one_before_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter = Reporter(as_json=True, stages=True)
    with compiling_staged(reporter):
        reporter.stage("computing the first steps")
        loops(tmp_path).twice(3)
    stages = [json.loads(line)["stage"] for line in capsys.readouterr().out.splitlines()]
    assert stages == ["computing the first steps", STAGE, "computing the first steps"]
    with compiling_staged(Reporter(as_json=True)):  # which nobody asked for stages
        loops(tmp_path).twice(3.0)
    assert not capsys.readouterr().out
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with compiling_staged(Reporter()):
        loops(tmp_path).twice(3j)
    assert terminal.getvalue().splitlines() == [COMPILING]


def test_what_others_compile_for_this_process_is_noticed_as_well() -> None:
    told: list[int] = []
    with noticed(lambda: told.append(1)), noticed(lambda: told.append(2)):
        notice()
    notice()
    assert told == [1, 2]

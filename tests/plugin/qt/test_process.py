"""A child process: its reports, its end, and every way in which it can end badly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings import PROGRAM
from napari_spatial_embeddings.errors import Failure
from napari_spatial_embeddings.plugin.qt import process
from napari_spatial_embeddings.plugin.qt.process import Process, interpreter

WAIT = 300_000
"""Milliseconds: a child loads torch, perhaps on a busy machine."""


class Record:
    """The reports of a child, and how it ended."""

    def __init__(self, child: Process) -> None:
        self.reports: list[dict[str, Any]] = []
        self.ends: list[str] = []
        child.reported.connect(self.reports.append)
        child.ended.connect(self.ends.append)


@pytest.fixture
def child(
    qtbot: QtBot,  # noqa: ARG001 - it makes the application
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Process]:
    if request.function is not test_runs_below_the_window:
        monkeypatch.setattr(process, "NICENESS", 0)  # other programs may keep the machine busy
    made = Process("napari_spatial_embeddings.cli", PROGRAM, "the work")
    yield made
    made.close()


def test_reports_and_ends(child: Process, qtbot: QtBot) -> None:
    record = Record(child)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.start("devices", "--json")
        assert child.running
    assert record.ends == [""]
    assert [d["name"] for d in record.reports[0]["devices"]][-1] == "cpu"
    assert (child.running, child.pid) == (False, 0)


def test_a_refusal_is_the_commands_own_sentence(
    child: Process, qtbot: QtBot, tmp_path: Path
) -> None:
    record = Record(child)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.start("train", "--images", "nowhere", "--labels", "b", "--output", str(tmp_path))
    assert record.ends[0].startswith("there is no file or folder nowhere")


def begin(child: Process, qtbot: QtBot) -> int:
    """Start something that takes a while, and return its number once it runs."""
    child.start("devices", "--json")
    qtbot.waitUntil(lambda: child.pid > 0, timeout=WAIT)
    return child.pid


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
@pytest.mark.parametrize(
    ("number", "says"),
    [
        (9, "the work was ended by the system, most likely because memory ran out"),
        (11, "the work crashed (signal 11)"),
    ],
)
def test_a_violent_end_is_a_sentence_and_work_goes_on(
    child: Process, qtbot: QtBot, number: int, says: str
) -> None:
    record = Record(child)
    pid = begin(child, qtbot)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        os.kill(pid, signal.Signals(number))
    assert record.ends[0].startswith(says)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.start("devices", "--json")
    assert record.ends[1:] == [""]


def test_runs_below_the_window(child: Process, qtbot: QtBot) -> None:
    pid = begin(child, qtbot)
    qtbot.waitUntil(lambda: psutil.Process(pid).nice() != psutil.Process().nice(), timeout=WAIT)
    assert psutil.Process(pid).environ()["OMP_WAIT_POLICY"] == "PASSIVE"
    child.kill()
    qtbot.waitUntil(lambda: not child.running, timeout=WAIT)


def test_one_at_a_time(child: Process, qtbot: QtBot) -> None:
    begin(child, qtbot)
    with pytest.raises(Failure, match="the work runs already"):
        child.start("devices")


def test_being_killed_on_purpose_is_no_fault(child: Process, qtbot: QtBot) -> None:
    record = Record(child)
    begin(child, qtbot)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.kill()
    assert record.ends == [""]


@pytest.mark.skipif(os.name == "nt", reason="Windows suspends no process")
def test_a_child_that_does_not_stop_is_killed(
    child: Process, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE_MS", 1)
    record = Record(child)
    psutil.Process(begin(child, qtbot)).suspend()
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.stop()
    assert record.ends == [""]


@pytest.mark.skipif(os.name == "nt", reason="Windows suspends no process")
def test_a_detached_child_counts_as_ended_and_is_gone_before_the_next(
    child: Process, qtbot: QtBot
) -> None:
    record = Record(child)
    former = psutil.Process(begin(child, qtbot))
    former.suspend()
    child.detach()
    assert record.ends == [""]
    assert not child.running
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.start("devices", "--json")
        assert not former.is_running()
    assert record.ends == ["", ""]


def test_closing_ends_it_without_a_signal(child: Process, qtbot: QtBot) -> None:
    record = Record(child)
    running = psutil.Process(begin(child, qtbot))
    child.close()
    assert not child.running
    qtbot.waitUntil(lambda: not running.is_running(), timeout=WAIT)
    assert record.ends == []


SCRIPT = """
from qtpy.QtWidgets import QApplication
from napari_spatial_embeddings.plugin.qt.process import Process

application = QApplication([])
child = Process("napari_spatial_embeddings.cli", "program", "the work")
child.start("devices", "--json")
while not child.pid:
    application.processEvents()
print(child.pid)
"""


def test_a_script_that_ends_meanwhile_ends_it_in_silence() -> None:
    """Neither with a warning of Qt nor with a traceback of what it has deleted."""
    script = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(script, capture_output=True, text=True, timeout=300, check=True)
    assert done.stderr == ""
    assert not psutil.pid_exists(int(done.stdout))


def test_what_cannot_be_started_is_a_sentence(
    child: Process, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "python3"
    fake.write_text("no program")
    monkeypatch.setattr(sys, "executable", str(fake))
    record = Record(child)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.start("devices")
    assert record.ends[0].startswith("the work could not be started: ")
    assert not child.running


def test_finds_the_python_that_napari_runs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert interpreter() == sys.executable
    # napari bundled as an application: the executable is napari, and Python lies beside it.
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "napari"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(Failure, match="there is no Python beside"):
        interpreter()
    name = "python.exe" if os.name == "nt" else "python3"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / name).touch()
    assert interpreter() == str(tmp_path / "bin" / name)

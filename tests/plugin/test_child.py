"""The child process: its lines, its end, and every way in which it can end badly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.errors import Failure
from napari_spatial_embeddings.plugin.qt import process
from napari_spatial_embeddings.plugin.qt.process import Child, interpreter
from napari_spatial_embeddings.project import Annotation, Project
from napari_spatial_embeddings.samples import nuclei

Until = Callable[..., None]

WAIT = 60_000


class Heard:
    """What a child said, and how it ended."""

    def __init__(self, child: Child) -> None:
        self.facts: list[dict[str, Any]] = []
        self.ends: list[str] = []
        child.said.connect(self.facts.append)
        child.ended.connect(self.ends.append)


@pytest.fixture
def child(qtbot: QtBot) -> Iterator[Child]:  # noqa: ARG001 - it makes the application
    made = Child("the work")
    yield made
    made.close()


def test_says_what_it_writes_and_ends(child: Child, qtbot: QtBot) -> None:
    heard = Heard(child)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.start("devices", "--json")
        assert child.running
    assert heard.ends == [""]
    assert [d["name"] for d in heard.facts[0]["devices"]][-1] == "cpu"
    assert (child.running, child.pid) == (False, 0)


def test_a_refusal_is_the_commands_own_sentence(child: Child, qtbot: QtBot, tmp_path: Path) -> None:
    heard = Heard(child)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.start("train", "--images", "nowhere", "--labels", "b", "--output", str(tmp_path))
    assert heard.ends[0].startswith("there is no file or folder nowhere")


def begin(child: Child, qtbot: QtBot) -> int:
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
    child: Child, qtbot: QtBot, number: int, says: str
) -> None:
    heard = Heard(child)
    pid = begin(child, qtbot)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        os.kill(pid, signal.Signals(number))
    assert heard.ends[0].startswith(says)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.start("devices", "--json")
    assert heard.ends[1:] == [""]


def test_runs_below_the_window(child: Child, qtbot: QtBot) -> None:
    pid = begin(child, qtbot)
    qtbot.waitUntil(lambda: psutil.Process(pid).nice() != psutil.Process().nice(), timeout=WAIT)
    assert psutil.Process(pid).environ()["OMP_WAIT_POLICY"] == "PASSIVE"
    child.kill()
    qtbot.waitUntil(lambda: not child.running, timeout=WAIT)


def test_one_at_a_time(child: Child, qtbot: QtBot) -> None:
    begin(child, qtbot)
    with pytest.raises(Failure, match="the work runs already"):
        child.start("devices")


def test_being_killed_on_purpose_is_no_fault(child: Child, qtbot: QtBot) -> None:
    heard = Heard(child)
    begin(child, qtbot)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.kill()
    assert heard.ends == [""]


@pytest.mark.skipif(os.name == "nt", reason="Windows suspends no process")
def test_who_does_not_stop_is_killed(
    child: Child, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE", 1)
    heard = Heard(child)
    psutil.Process(begin(child, qtbot)).suspend()
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.stop()
    assert heard.ends == [""]


@pytest.mark.skipif(os.name == "nt", reason="Windows suspends no process")
def test_a_detached_child_has_ended_for_us_and_is_gone_before_the_next(
    child: Child, qtbot: QtBot
) -> None:
    heard = Heard(child)
    former = psutil.Process(begin(child, qtbot))
    former.suspend()
    child.detach()
    assert heard.ends == [""]
    assert not child.running
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.start("devices", "--json")
        assert not former.is_running()
    assert heard.ends == ["", ""]


def test_closing_ends_it_unheard(child: Child, qtbot: QtBot) -> None:
    heard = Heard(child)
    running = psutil.Process(begin(child, qtbot))
    child.close()
    assert not child.running
    qtbot.waitUntil(lambda: not running.is_running(), timeout=WAIT)
    assert heard.ends == []


def test_what_cannot_be_started_is_a_sentence(
    child: Child, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "python3"
    fake.write_text("no program")
    monkeypatch.setattr(sys, "executable", str(fake))
    heard = Heard(child)
    with qtbot.waitSignal(child.ended, timeout=WAIT):
        child.start("devices")
    assert heard.ends[0].startswith("the work could not be started: ")
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


PARENT = """
import sys
from qtpy.QtCore import QCoreApplication
from napari_spatial_embeddings.plugin.qt import process as _child
_child.NICENESS = 0
application = QCoreApplication([])
child = _child.Child("the training")
def said(fact):
    if fact.get("saved"):
        print(child.pid, flush=True)
child.said.connect(said)
child.ended.connect(lambda problem: sys.exit(problem))
child.start("train", "--json", "--stop-on-stdin", "--from-scratch", "--project", *sys.argv[1:])
application.exec()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_child_does_not_outlive_a_napari_that_is_killed(tmp_path: Path, until: Until) -> None:
    sample = nuclei(size=96, annotated=4)
    project = Project.create(tmp_path / "project")
    project.add_image(data=sample.image, key="a")
    project.save_annotation("a", Annotation(sample.annotated))
    brief: tuple[str, ...] = "--width", "8", "--levels", "2", "--crop-size", "32", "--device", "cpu"
    brief += "--validation-seconds", "0.5"
    command = [sys.executable, "-c", PARENT, str(project.folder), *brief]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        training = psutil.Process(int(parent.stdout.readline()))
        assert "train" in training.cmdline()
        parent.kill()
    until(lambda: not training.is_running(), 180)
    assert project.has_model

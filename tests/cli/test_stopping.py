"""Stopping a training: by signal, by a line on stdin, by the end of the parent, or by a kill."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from napari_spatial_embeddings import cli
from napari_spatial_embeddings.cli import stop_request
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.project import Project

from .projects import project_of

Event = dict[str, Any]
React = Callable[[Event], object]

ENDLESS = "--minutes", 30, "--json", "--stop-on-stdin", "--device", "cpu"
QUICK = "--crop-size", 32, "--validation-seconds", 0.2, "--report-seconds", 0.01


def begun(event: Event) -> bool:
    return bool(event["event"] == "start")


def learned(event: Event) -> bool:
    return bool(event.get("step"))


def saved(event: Event) -> bool:
    return bool(event.get("saved"))


def small_project(folder: Path) -> Project:
    project = project_of(folder)
    project.update(fresh={"width": 8, "levels": 2})
    return project


class _Output(io.StringIO):
    """Standard output whose reader reacts to events at once."""

    def __init__(self, react: React) -> None:
        super().__init__()
        self._react = react

    def write(self, text: str) -> int:
        count = super().write(text)
        self._react(json.loads(text))
        return count

    @property
    def events(self) -> list[Event]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.RawIOBase]:
    """The other end of this process's standard input, as far as a training sees it."""
    reader, writer = os.pipe()
    monkeypatch.setattr(stop_request, "STDIN", reader)
    with os.fdopen(writer, "wb", buffering=0) as end:
        yield end
    # The listening thread closes nothing; it has ended with the pipe.
    os.close(reader)


def train(project: Project, *flags: object, react: React) -> tuple[int, list[Event]]:
    """Train in this process; return the exit code and the events."""
    command = ["train", "--project", project.folder, *ENDLESS, *QUICK, *flags]
    output = _Output(react)
    with redirect_stdout(output):
        code = cli.main([str(word) for word in command])
    return code, output.events


def once(when: Callable[[Event], bool], act: Callable[[], object]) -> React:
    """Return a reaction to the first event that fits."""
    left = [act]
    return lambda event: left and when(event) and left.pop()()


def assert_stopped(project: Project, events: list[Event], *, model: bool = True) -> None:
    end = events[-1]
    assert (end["event"], end["stopped"]) == ("end", True)
    assert (end["model"] is not None) == project.has_model == model
    if model:
        SpatialEmbeddings.load(project.model_folder)
        assert end["step"] <= events[-2]["step"]


# ------------------------------------------------------------------------------------- requests


@pytest.mark.parametrize("when", [begun, learned, saved])
def test_a_line_stops_and_keeps_the_best(
    tmp_path: Path, stdin: io.RawIOBase, when: Callable[[Event], bool]
) -> None:
    project = small_project(tmp_path)
    code, events = train(project, react=once(when, lambda: stdin.write(b"stop\n")))
    assert code == 0
    end = events[-1]
    assert (end["event"], end["stopped"]) == ("end", True)
    assert (end["model"] is not None) == project.has_model
    if when is not begun:
        SpatialEmbeddings.load(project.model_folder)
        assert train(project, "--resume", react=once(learned, stdin.close))[0] == 0


def test_the_end_of_stdin_is_a_request_to_stop(tmp_path: Path, stdin: io.RawIOBase) -> None:
    project = small_project(tmp_path)
    code, events = train(project, react=once(saved, stdin.close))
    assert code == 0
    assert_stopped(project, events)


def test_another_line_is_none(tmp_path: Path, stdin: io.RawIOBase) -> None:
    project, seen = small_project(tmp_path), []

    def react(event: Event) -> None:
        if saved(event):
            seen.append(event)
            if len(seen) == 1:
                stdin.write(b"go on\nstopping is not what is wanted\n")
            if len(seen) == 3:
                stdin.write(b"stop\n")

    code, events = train(project, react=react)
    assert code == 0
    assert len(seen) >= 3
    assert_stopped(project, events)


def test_stdin_is_left_alone_without_the_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scripts often have none."""
    monkeypatch.setattr(stop_request, "STDIN", -1)
    project = small_project(tmp_path)
    command = ["train", "--project", project.folder, "--json", "--epochs", 1, *QUICK]
    with redirect_stdout(io.StringIO()) as output:
        assert cli.main([str(word) for word in command]) == 0
    assert not json.loads(output.getvalue().splitlines()[-1])["stopped"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_and_keeps_the_best(
    tmp_path: Path, stdin: io.RawIOBase, number: signal.Signals
) -> None:
    assert not stdin.closed
    before = signal.getsignal(number)
    project = small_project(tmp_path)
    code, events = train(project, react=once(saved, lambda: signal.raise_signal(number)))
    assert code == 0
    assert_stopped(project, events)
    assert signal.getsignal(number) is before


def test_a_second_signal_ends_it_at_once(
    tmp_path: Path, stdin: io.RawIOBase, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not stdin.closed
    project = small_project(tmp_path)

    def react(event: Event) -> None:
        if saved(event):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    code, events = train(project, react=react)
    assert code == 1
    assert saved(events[-1]), "there is no end"
    assert capsys.readouterr().err.endswith(": stopped\n")
    SpatialEmbeddings.load(project.model_folder)


# ------------------------------------------------------------------------------------ accidents


@contextmanager
def running(project: Project, *flags: object) -> Iterator[subprocess.Popen[str]]:
    """Train in a process of its own."""
    command = ["train", "--project", project.folder, *ENDLESS, *QUICK, *flags]
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "napari_spatial_embeddings.cli", *map(str, command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], found: Callable[[Event], bool]) -> None:
    """Read events up to the first that fits."""
    assert process.stdout is not None
    for line in process.stdout:
        if found(json.loads(line)):
            return
    raise AssertionError(process.communicate())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_a_killed_training_leaves_whole_files(tmp_path: Path, stdin: io.RawIOBase) -> None:
    """While it validates and writes again and again."""
    project = small_project(tmp_path)
    with running(project, "--validation-seconds", 0.01) as process:
        until(process, saved)
        process.kill()
        process.wait(60)
    again = Project.open(project.folder)
    assert again.card == project.card
    image = again.image("cells_0").data
    assert SpatialEmbeddings.load(again.model_folder).predict_maps(image).shape == (64, 64)
    assert again.history.read()
    code, events = train(again, "--resume", react=once(saved, stdin.close))
    assert code == 0
    assert_stopped(again, events)


def test_a_training_whose_parent_died_keeps_what_it_learned(tmp_path: Path) -> None:
    """Its output is not read any more, and its input has ended."""
    project = small_project(tmp_path)
    with running(project, "--validation-seconds", 1000) as process:
        until(process, learned)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stdin is not None
        process.stdin.close()
        process.wait(180)
    SpatialEmbeddings.load(project.model_folder)
    assert project.history.read()[-1]["event"] == "end"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_costs_a_sentence_and_not_the_training(
    tmp_path: Path, stdin: io.RawIOBase
) -> None:
    """The last good model stays; once there is room again, the next good one is kept."""
    import resource

    project = small_project(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    steps: list[str] = []

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    def react(event: Event) -> None:
        """Fill the disk, make room after a validation that could not be kept, fill it again."""
        if not steps and learned(event):
            limit(20_000)
            steps.append("full")
        elif steps == ["full"] and event.get("validation"):
            assert "checkpoint.safetensors cannot be written: File too large" in event["message"]
            assert not event["saved"]
            assert not project.has_model
            limit(before[0])
            steps.append("room")
        elif steps == ["full", "room"] and saved(event):
            SpatialEmbeddings.load(project.model_folder)
            limit(20_000)
            steps.append("full again")
            stdin.write(b"stop\n")

    try:
        code, events = train(project, "--validation-seconds", 2, react=react)
    finally:
        limit(before[0])
    assert steps == ["full", "room", "full again"]
    said = next(e for e in events if e["event"] == "message")["message"]
    assert "the model cannot be written: File too large; going on" in said
    assert (code, events[-1]["event"]) == (1, "error")
    sentence = events[-1]["message"]
    assert sentence.endswith("cannot be written: File too large; the one before is kept")
    SpatialEmbeddings.load(project.model_folder)

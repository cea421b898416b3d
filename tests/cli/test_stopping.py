"""A training that is told to stop answers within a second, whatever it is at; or dies unharmed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.training_set import load_training_set
from napari_spatial_embeddings.training.train import model_from_scratch

from .projects import project_of

ENDLESS = "--minutes", 30, "--json", "--stop-on-stdin", "--device", "cpu"
QUICK = "--crop-size", 32, "--validation-seconds", 0.2, "--report-seconds", 0.1
SLOW = "--crop-size", 512, "--batch-size", 16
"""Flags of steps that take a moment, and of steps that take many seconds."""
SMALL = "--width", 8, "--levels", 2
WIDE = "--width", 64


@contextmanager
def running(project: Project, *flags: object) -> Iterator[subprocess.Popen[str]]:
    command = ["train", "--project", project.folder, *ENDLESS, *flags]
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


def until(process: subprocess.Popen[str], found: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Read events up to the first that fits."""
    assert process.stdout is not None
    for line in process.stdout:
        fact: dict[str, Any] = json.loads(line)
        if found(fact):
            return fact
    raise AssertionError(process.communicate())


def stop(process: subprocess.Popen[str], how: str) -> tuple[dict[str, Any], float]:
    """Ask to stop; return the answer, and after how many seconds it came."""
    assert process.stdin is not None
    start = time.monotonic()
    if how == "line":
        process.stdin.write("stop\n")
        process.stdin.flush()
    else:
        process.stdin.close()
    end = until(process, lambda fact: fact["event"] == "end")
    took = time.monotonic() - start
    assert process.wait(10) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    return end, took


def begun(fact: dict[str, Any]) -> bool:
    return bool(fact["event"] == "start")


def learned(fact: dict[str, Any]) -> bool:
    return bool(fact.get("step"))


def saved(fact: dict[str, Any]) -> bool:
    return bool(fact.get("saved"))


@pytest.mark.parametrize(
    ("taught", "flags", "images", "when", "how"),
    [
        (False, (*SMALL, *QUICK), 2, saved, "line"),
        (False, (*SMALL, *QUICK), 2, saved, "end"),
        (False, (*SMALL, *QUICK), 2, learned, "line"),
        (False, (*WIDE, *SLOW), 2, begun, "line"),
        (True, SLOW, 2, learned, "line"),
        (True, QUICK, 20, begun, "line"),
    ],
    ids=[
        "after a validation",
        "end of stdin",
        "before the first validation",
        "in the first step",
        "in a long step",
        "in a long validation",
    ],
)
def test_answers_within_a_second(
    tmp_path: Path, taught: bool, flags: tuple[object, ...], images: int, when: Any, how: str
) -> None:
    times = []
    for turn in range(3):  # other programs may keep the machine busy once, not always
        folder = tmp_path / str(turn)
        project = project_of(
            folder, images, 64 if flags[-len(QUICK) :] == QUICK and images == 2 else 384
        )
        if taught:
            model_from_scratch(load_training_set(project).images, width=8, levels=2).save(
                project.model_folder
            )
        with running(project, *flags) as process:
            until(process, when)
            end, took = stop(process, how)
        times.append(took)
        assert end["stopped"]
        expected = taught or when is not begun
        assert (end["model"] is not None) == project.has_model == expected
        if expected:
            SpatialEmbeddings.load(project.model_folder)
        if took < 1:
            break
    assert min(times) < 1


def test_a_line_of_something_else_is_no_wish(tmp_path: Path) -> None:
    with running(project_of(tmp_path), *SMALL, *QUICK) as process:
        until(process, learned)
        assert process.stdin is not None
        process.stdin.write("go on\nstopping is not what is wanted\n")
        process.stdin.flush()
        until(process, saved)
        until(process, saved)
        assert process.poll() is None
        assert stop(process, "line")[0]["stopped"]


def test_stdin_is_left_alone_without_the_flag(tmp_path: Path) -> None:
    """Scripts often have none."""
    project = project_of(tmp_path)
    command = ["train", "--project", project.folder, "--epochs", 1, "--json", *SMALL, *QUICK]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "napari_spatial_embeddings.cli", *map(str, command)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    end = json.loads(done.stdout.splitlines()[-1])
    assert (end["event"], end["stopped"]) == ("end", False)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_a_killed_training_leaves_a_project_and_a_model(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    often = "--validation-seconds", 0.01
    for _ in range(3):
        with running(project, *(() if project.has_model else SMALL), *QUICK, *often) as process:
            until(process, saved)
            process.kill()
            process.wait(10)
        again = Project.open(project.folder)
        assert again.card == project.card
        image = again.image("cells_0").data
        assert SpatialEmbeddings.load(again.model_folder).predict_maps(image).shape == (64, 64)
        assert again.history.read()
    with running(project, "--resume", *QUICK) as process:
        until(process, saved)
        assert stop(process, "line")[0]["stopped"]


def test_a_training_whose_parent_died_keeps_what_it_learned(tmp_path: Path) -> None:
    """Nobody reads what it says any more, and its input has ended."""
    project = project_of(tmp_path)
    with running(project, *SMALL, *QUICK, "--validation-seconds", 1000) as process:
        until(process, learned)
        assert not project.has_model
        assert process.stdout is not None
        process.stdout.close()
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)
    SpatialEmbeddings.load(project.model_folder)
    assert project.history.read()[-1]["event"] == "end"


@pytest.mark.skipif(sys.platform != "linux", reason="limits files as Linux does")
def test_a_full_disk_costs_a_sentence_and_not_the_training(tmp_path: Path) -> None:
    """The last good model stays; once there is room again, the next good one is kept."""
    import resource

    project = project_of(tmp_path)
    unlimited = resource.RLIM_INFINITY
    with running(project, *SMALL, *QUICK, "--validation-seconds", 2) as process:
        until(process, learned)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20_000, unlimited))
        said = until(process, lambda fact: fact["event"] == "message")["message"]
        assert "the model cannot be written: File too large; going on" in said
        report = until(process, learned)
        assert (
            "checkpoint.safetensors cannot be written: File too large; going on"
            in report["message"]
        )
        assert not report["saved"]
        assert not project.has_model
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        until(process, saved)
        SpatialEmbeddings.load(project.model_folder)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20_000, unlimited))
        assert process.stdin is not None
        process.stdin.write("stop\n")
        process.stdin.flush()
        said = until(process, lambda fact: fact["event"] == "error")["message"]
        assert said.endswith("cannot be written: File too large; the one before is kept")
        assert process.wait(10) == 1
    SpatialEmbeddings.load(project.model_folder)

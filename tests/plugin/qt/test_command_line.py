"""The command line as a child process of napari."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from napari_spatial_embeddings.project import Annotation, Project
from napari_spatial_embeddings.samples import nuclei

Until = Callable[..., None]

PARENT = """
import sys
from qtpy.QtCore import QCoreApplication
from napari_spatial_embeddings.plugin.qt.process import command_line
from napari_spatial_embeddings.plugin.qt import process
process.NICENESS = 0
application = QCoreApplication([])
child = command_line("the training")
def show(report):
    if report.get("saved"):
        print(child.pid, flush=True)
child.reported.connect(show)
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
        process = psutil.Process(int(parent.stdout.readline()))
        assert "train" in process.cmdline()
        parent.kill()
    until(lambda: not process.is_running(), 60)
    assert project.has_model

"""The modules that the window's process loads, through the whole loop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LOOP = """
import json, os, sys, time
from napari.viewer import Viewer
import napari, numpy as np
from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.samples import nuclei
from napari_spatial_embeddings.plugin.qt import process
from qtpy.QtWidgets import QApplication
from plugin.robot_actions import add_image, open_dock, press

process.NICENESS = 0

def until(condition):
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end, dock.message
        QApplication.processEvents()
        time.sleep(0.01)

viewer = napari.Viewer()  # shown, so that there is an OpenGL context
dock = open_dock(viewer)
before = "torch" in sys.modules
step = next(step for step in dock.steps if step.title == "Train")
session = dock.session
session.set_training(TrainingSettings(minutes=0.1, validation_seconds=1))
session.set_device("cpu")
sample = nuclei(size=96, annotated=4)
dock.images.choose(add_image(viewer, sample))
viewer.add_labels(sample.annotated, name="drawn", scale=sample.pixel_size)
press(dock, "Use")
for name, value in (("width", 8), ("levels", 2)):
    step.settings.model.editor(name).setValue(value)
until(lambda: not step.obstacle)
press(step, "Start training")
until(lambda: session.image in session.results)
until(lambda: not session.training.active)
prediction = dock.prediction
until(lambda: not prediction.running)
objects = session.result.instances
session.tune(seed_threshold=0.3, foreground_threshold=0.2)
until(lambda: session.result.instances is not objects)
prediction.view()
until(lambda: not prediction.running)
status = session.training.status
viewer.close()
found = {"before": before, "status": status, "modules": sorted(sys.modules), "pid": os.getpid()}
print(json.dumps(found))
"""

TRIPWIRE = """
import os, pathlib
(pathlib.Path(os.environ["TRIPPED"]) / str(os.getpid())).touch()
raise ImportError("not here")
"""


@pytest.mark.usefixtures("home")
def test_the_windows_process_never_loads_triton(tmp_path: Path) -> None:
    """Importing triton beside a software OpenGL context crashes the interpreter.

    torch's optimizers import it, through its compiler, where it is installed. Here it is, as a
    tripwire.
    """
    (tmp_path / "wire" / "triton").mkdir(parents=True)
    (tmp_path / "wire" / "triton" / "__init__.py").write_text(TRIPWIRE)
    tripped = tmp_path / "tripped"
    tripped.mkdir()
    paths = [str(tmp_path / "wire"), str(Path(__file__).parents[1]), *sys.path]
    ran = subprocess.run(
        [sys.executable, "-c", LOOP],  # napari itself is not free of warnings
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TRIPPED": str(tripped)},
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["status"] == "done"
    assert not found["before"], "opening the dock loaded torch"
    loaded = set(found["modules"])
    assert "torch" in loaded, "nothing was predicted"
    assert not loaded & {"triton", "torch._dynamo"}
    package = "napari_spatial_embeddings"
    assert not {f"{package}.training.train", f"{package}.training.trainer"} & loaded
    # The training's process does load it: the wire works.
    processes = [int(path.name) for path in tripped.iterdir()]
    assert processes
    assert found["pid"] not in processes

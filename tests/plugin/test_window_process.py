"""The modules that the window's process loads, from opening it to tuning what was predicted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LOOP = """
import json, sys, time
from napari.viewer import Viewer
import napari, numpy as np
from napari_spatial_embeddings.samples import nuclei
from qtpy.QtWidgets import QApplication
from plugin.robot_actions import add_image, open_dock

def until(condition):
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end, dock.message
        QApplication.processEvents()
        time.sleep(0.01)

viewer = napari.Viewer()  # shown, so that there is an OpenGL context
dock = open_dock(viewer)
before = "torch" in sys.modules
session = dock.session
session.set_device("cpu")
sample = nuclei(size=96, annotated=4)
dock.images.choose(add_image(viewer, sample))
until(lambda: session.model is not None)
prediction = dock.prediction
prediction.image()
until(lambda: session.image in session.results)
until(lambda: not prediction.running)
objects = session.result.instances
session.tune(seed_threshold=0.3, foreground_threshold=0.2)
until(lambda: session.result.instances is not objects)
prediction.view()
until(lambda: not prediction.running)
viewer.close()
found = {"before": before, "modules": sorted(sys.modules)}
print(json.dumps(found))
"""


@pytest.mark.usefixtures("home")
def test_it_never_loads_triton_nor_trains() -> None:
    """Importing triton beside a software OpenGL context crashes the interpreter."""
    ran = subprocess.run(
        [sys.executable, "-c", LOOP],  # napari itself is not free of warnings
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path]),
        },
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert not found["before"], "opening the dock loaded torch"
    loaded = set(found["modules"])
    assert "torch" in loaded, "nothing was predicted"
    assert not loaded & {"triton", "torch._dynamo"}
    package = "napari_spatial_embeddings"
    assert not {f"{package}.training.train", f"{package}.training.trainer"} & loaded

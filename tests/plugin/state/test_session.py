"""The session, without Qt: signals, results, settings and messages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.inference.segmentation import Segmentation
from napari_spatial_embeddings.plugin.state.open_image import OpenImage, PartialResult
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.project import Project


def segmentation() -> Segmentation:
    labels = np.zeros((20, 20), np.int32)
    labels[2:8, 2:8] = 1
    maps, settings = ideal_maps(labels), ClusteringSettings()
    clustering = Clustering(maps)
    return Segmentation(
        maps, clustering, clustering(settings), settings, None, ("object",), "a model", {}
    )


def open_image(session: Session, key: str) -> None:
    session.images[key] = OpenImage(key, None)


def emitted(session: Session, name: str) -> list[tuple[object, ...]]:
    """Collect the values that a signal is emitted with."""
    values: list[tuple[object, ...]] = []
    getattr(session, name).connect(lambda *args: values.append(args))
    return values


@pytest.mark.parametrize(
    ("change", "signal"),
    [
        (lambda s: s.tune(seed_threshold=s.clustering.seed_threshold), "clustering_changed"),
        (lambda s: s.set_classes(s.classes), "classes_changed"),
        (lambda s: s.set_device(s.device), "device_changed"),
        (lambda s: s.set_from_scratch(s.from_scratch), "from_scratch_changed"),
        (lambda s: s.set_image(s.image), "image_changed"),
    ],
)
def test_what_stays_the_same_is_no_change(change: Callable[[Session], None], signal: str) -> None:
    session = Session()
    values = emitted(session, signal)
    change(session)
    assert values == []


def test_tuning_changes_the_settings_once() -> None:
    session = Session()
    values = emitted(session, "clustering_changed")
    session.tune(seed_threshold=0.9)
    assert values == [()]
    assert session.clustering.seed_threshold == 0.9


def test_a_setting_out_of_bounds_changes_nothing() -> None:
    session = Session()
    before = session.clustering
    with pytest.raises(ValidationError):
        session.tune(seed_threshold=2.0)
    assert session.clustering is before


def test_a_model_brings_its_thresholds() -> None:
    session = Session()
    values = emitted(session, "clustering_changed")
    session.set_model(Path("somewhere"), ClusteringSettings(seed_threshold=0.6))
    assert session.model == "somewhere"
    assert session.clustering.seed_threshold == 0.6
    assert len(values) == 1


def test_results_belong_to_open_images() -> None:
    session = Session()
    open_image(session, "a")
    values = emitted(session, "result_changed")
    made = segmentation()
    session.set_result("a", made)
    assert session.result is None, "no image is current"
    session.set_image("a")
    assert session.result is made
    assert session.results == {"a": made}
    session.set_result("a", None)
    assert session.result is None
    assert session.results == {}
    assert values == [("a",)] * 2


def test_the_result_of_a_closed_image_is_dropped() -> None:
    session = Session()
    values = [emitted(session, name) for name in ("result_changed", "partial_changed")]
    session.set_result("a", segmentation())
    session.set_partial("a", PartialResult((slice(0, 1),), np.zeros(1, np.int32), 0, 1.0))
    assert session.results == {}
    assert values == [[], []]


def test_a_result_replaces_a_partial_one() -> None:
    session = Session()
    open_image(session, "a")
    values = emitted(session, "partial_changed")
    partial = PartialResult((slice(0, 1), slice(0, 1)), np.zeros((1, 1), np.int32), 0, 1.0)
    session.set_partial("a", partial)
    assert values == [("a",)]
    assert session.images["a"].partial is partial
    session.set_result("a", segmentation())
    assert session.images["a"].partial is None


def test_another_project_brings_its_settings_and_drops_results(tmp_path: Path) -> None:
    session = Session()
    open_image(session, "a")
    session.set_result("a", segmentation())
    session.set_image("a")
    names = ("project", "classes", "image", "model", "clustering", "prediction", "device")
    values = {name: emitted(session, f"{name}_changed") for name in names}
    settings = ClusteringSettings(min_size=7)
    session.set_project(Project.create(tmp_path, clustering=settings, classes=("x", "y")))
    assert all(found == [()] for found in values.values())
    assert (session.clustering, session.classes) == (settings, ("x", "y"))
    assert session.image is None
    assert session.results == {}


def test_a_requested_stop_stays_requested() -> None:
    session = Session()
    session.set_status("starting", reports=())
    assert session.training.active
    session.add_report({"step": 1})
    running = session.training
    assert running.status == "running"
    session.set_status("stopping")
    session.add_report({"step": 2})
    training = session.training
    assert training.status == "stopping"
    assert [r["step"] for r in training.reports] == [1, 2]
    session.set_status("done")
    assert not session.training.active


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (InputError("the image is empty"), "The image is empty."),
        (Failure("no display"), "No display."),
        (MemoryError(), "not enough memory"),
        (RuntimeError("CUDA out of memory"), "not enough memory"),
        (OSError(28, "No space left on device", "a.tif"), "a.tif: No space left on device"),
        (KeyError("x"), "KeyError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_becomes_a_message(error: Exception, part: str) -> None:
    session = Session()
    values = emitted(session, "message")
    with session.errors_as_messages():
        raise error
    (sentence, kind) = values[0]
    assert part in str(sentence)
    assert kind == "error"


def test_the_state_needs_no_qt() -> None:
    script = (
        "import sys, napari_spatial_embeddings.plugin.state.session as s; s.Session();"
        "assert not {'qtpy', 'napari', 'torch'} & {m.partition('.')[0] for m in sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

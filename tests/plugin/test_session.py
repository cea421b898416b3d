"""What the plugin knows, without Qt: signals, generations, sentences."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.plugin.session import Result, Session


def result() -> Result:
    labels = np.zeros((20, 20), np.int32)
    labels[2:8, 2:8] = 1
    maps = ideal_maps(labels)
    return Result(maps, Clustering(maps), ("object",))


def listen(session: Session, name: str) -> list[tuple[object, ...]]:
    """Collect what a signal says."""
    heard: list[tuple[object, ...]] = []
    getattr(session, name).connect(lambda *values: heard.append(values))
    return heard


def test_only_the_newest_of_a_kind_is_wanted() -> None:
    session = Session()
    old, other = session.number("clustering"), session.number("prediction")
    new = session.number("clustering")
    assert not session.wanted("clustering", old)
    assert session.wanted("clustering", new)
    assert session.wanted("prediction", other)
    assert not session.wanted("nothing of the kind", 1)


def test_tuning_says_so_only_if_something_changes() -> None:
    session = Session()
    heard = listen(session, "clustering_changed")
    session.tune(seed_threshold=session.clustering.seed_threshold)
    assert heard == []
    session.tune(seed_threshold=0.9)
    assert heard == [()]
    assert session.clustering.seed_threshold == 0.9


def test_a_setting_out_of_bounds_changes_nothing() -> None:
    session = Session()
    before = session.clustering
    with pytest.raises(ValidationError):
        session.tune(seed_threshold=2.0)
    assert session.clustering is before


def test_a_model_brings_its_thresholds() -> None:
    session = Session()
    heard = listen(session, "clustering_changed")
    session.set_model(Path("somewhere"), ClusteringSettings(seed_threshold=0.6))
    assert session.model == "somewhere"
    assert session.clustering.seed_threshold == 0.6
    assert len(heard) == 1


def test_results_are_known_by_image() -> None:
    session = Session()
    heard = listen(session, "result_changed")
    made = result()
    session.set_result("a", made)
    assert session.result is None, "no image is current"
    session.set_image("a")
    assert session.result is made
    instances = made.clustering(session.clustering)
    session.set_instances("a", instances, milliseconds=3.0)
    assert session.result is not None
    assert session.result.instances is instances
    assert session.result.maps is made.maps
    session.set_result("a", None)
    assert session.result is None
    assert heard == [("a",)] * 3


def test_a_stop_that_was_asked_for_stays_asked_for() -> None:
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
    ("error", "says"),
    [
        (InputError("the image is empty"), "the image is empty"),
        (Failure("no display"), "no display"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("CUDA out of memory"), "not enough memory"),
        (OSError(28, "No space left on device", "a.tif"), "a.tif: No space left on device"),
        (KeyError("x"), "unexpected error"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_goes_wrong_is_said(error: Exception, says: str) -> None:
    session = Session()
    heard = listen(session, "said")
    with session.speaking():
        raise error
    (sentence, kind) = heard[0]
    assert says in str(sentence)
    assert kind == "error"


def test_knows_nothing_of_qt() -> None:
    script = (
        "import sys, napari_spatial_embeddings.plugin.session as s; s.Session();"
        "assert not {'qtpy', 'napari', 'torch'} & {m.partition('.')[0] for m in sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

"""Predictions of all images: those of a project, and those of the list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from pytestqt.qtbot import QtBot

from builders import picture
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.editing.corrections import accept
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import read_labels
from napari_spatial_embeddings.plugin.tasks.predict import ImageToPredict
from napari_spatial_embeddings.plugin.tasks.predict_images import STEPS, predict_images
from napari_spatial_embeddings.project import Project
from plugin.fake_results import Bench, counted, discs, new_bench
from plugin.untrained import LOW, add, predict, use


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        bench.session.device = "cpu"
        yield bench


def project_of(folder: Path, *shapes: tuple[int, ...]) -> tuple[Project, list[Any]]:
    project, images = Project.create(folder), []
    for k, shape in enumerate(shapes):
        data = picture(discs(shape, seed=k), k)
        axes = "CYX" if len(shape) == 2 else "CZYX"
        project.add_image(key=f"cells-{k}", source=None, data=data, name=f"cells {k}", axes=axes)
        images.append(data)
    return project, images


def test_all_images_of_a_project(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    model = use(bench, tmp_path / "model")
    project, images = project_of(tmp_path / "project", (90, 110), (90, 110), (6, 30, 30))
    bench.session.project = project
    steps: list[tuple[int, int]] = []
    bench.prediction.progressed.connect(lambda done, total, _: steps.append((done, total)))
    assert predict(bench, qtbot, "all_images")
    folder = project.folder / "results"
    assert bench.message.startswith("Skipped 1 image: ")
    assert bench.message.endswith(f". Wrote the labels of 2 images to {folder}")
    assert "cells 2: the model takes 2D images" in bench.message
    assert bench.prediction.skipped.keys() == {"cells-2"}
    assert sorted(p.name for p in folder.iterdir()) == [
        "cells 0.tif",
        "cells 1.tif",
        "summary.csv",
        "summary.csv.json",
    ]
    for k, data in enumerate(images[:2]):
        expected = model.segment(data, LOW)
        assert np.array_equal(read_labels(folder / f"cells {k}.tif"), expected.labels)
    assert steps[-1] == (3 * STEPS, 3 * STEPS)
    assert steps[1:] == sorted(steps[1:])
    assert not bench.session.results, "none of them is open"


def test_of_an_image_that_leaves_the_project_nothing_is_written(
    bench: Bench, tmp_path: Path
) -> None:
    use(bench, tmp_path / "model")
    bench.session.project = project = project_of(tmp_path / "project", (40, 50), (40, 50))[0]
    images = [ImageToPredict(entry.key, entry.name) for entry in project.card.images]
    models, request = bench.prediction.models, bench.prediction._request()
    reports = predict_images(models, request, project, images)
    next(reports)
    project.remove_image("cells-1")
    *_, last = reports
    assert last.message == f"Wrote the labels of 1 image to {project.results_folder}"
    assert sorted(p.name for p in project.results_folder.iterdir()) == [
        "cells 0.tif",
        "summary.csv",
        "summary.csv.json",
    ]


def test_all_images_are_those_of_the_list_whether_drawn_on_open_or_neither(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    """Results have the names that the list shows, and so have exports."""
    model = use(bench, tmp_path / "model")
    first = add(bench)
    others = [picture(discs(seed=k), k)[0] for k in (1, 2)]
    bench.viewer.add_image(others[0], name="not chosen yet")
    bench.viewer.add_image(np.zeros((2, 2, 4, 40, 50), np.uint8), name="film")
    bench.viewer.add_labels(np.zeros((90, 110), np.int32))
    (tmp_path / "more").mkdir()
    tifffile.imwrite(tmp_path / "more/in a file.tif", others[1])
    (tmp_path / "more/empty.tif").touch()
    bench.listed.add([tmp_path / "more"])
    bench.wait()
    assert bench.listed.all()[0].name == "cells 0", "what was worked on comes first"
    first.name = "first"
    assert predict(bench, qtbot, "all_images")
    project = bench.session.project
    assert project is not None
    written = sorted(path.stem for path in project.results_folder.glob("*.tif"))
    assert written == ["first", "in a file", "not chosen yet"]
    found = read_labels(project.results_folder / "in a file.tif")
    assert np.array_equal(found, model.segment(others[1][None], LOW).labels)
    assert "Skipped 2 images: " in bench.message
    assert "; film: " in bench.message
    assert "empty: " in bench.message
    assert bench.prediction.skipped.keys() == {"film", "empty"}
    names = [image.name for image in bench.listed.all()]
    assert sorted(names) == ["empty", "film", "first", "in a file", "not chosen yet"]
    assert len(bench.session.results) == 2, "of those that are open, the objects are shown"
    assert len([x for x in bench.viewer.layers if isinstance(x, Image)]) == 3 + 2 * 3
    assert Project.open(project.folder).card.result_names[str(bench.session.image)] == "first"


def test_where_no_image_can_be_predicted_it_failed(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    use(bench, tmp_path / "model")
    bench.session.project, _ = project_of(tmp_path / "project", (6, 30, 30))
    assert not predict(bench, qtbot, "all_images")
    assert bench.message.startswith("No image could be predicted: cells 0: the model takes 2D")


def test_saved_corrections_are_part_of_the_one_clustering(
    bench: Bench, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = use(bench, tmp_path / "model")
    project, [data] = project_of(tmp_path / "project", (90, 110))
    found = model.segment(data, LOW)
    corrections = accept(Corrections.none(found.labels.shape), found, [int(found.ids[0])])
    project.save_corrections("cells-0", corrections)
    bench.session.project = project
    layer = bench.viewer.add_image(data[0], name="cells 0")
    bench.images.choose(layer)
    record = bench.session.current
    assert record is not None
    if record.key != "cells-0":
        project.update(images=tuple(e.updated(key=record.key) for e in project.card.images))
        project.save_corrections(record.key, corrections)
    with counted(bench.session, monkeypatch) as count:
        assert predict(bench, qtbot)
    assert count == {"clusterings": 1, "results": 1}
    result = bench.session.result
    assert result is not None
    assert result.corrections is not None
    assert list(result.corrections.ids) == [int(found.ids[0])]
    assert result.instances.locked.sum() == 1


def test_of_added_files_the_first_that_can_be_opened_is_shown(bench: Bench, tmp_path: Path) -> None:
    """And whoever goes from one to the next comes past those that cannot."""
    for k, name in enumerate(["a damaged", "b", "c film", "d"]):
        axes = {"axes": "TYX" if name == "c film" else "YX"}
        pixels = picture(discs((20, 30), seed=k), k)[0]
        pixels = np.stack([pixels] * 2) if name == "c film" else pixels
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels, imagej=True, metadata=axes)
    damaged = tmp_path / "a damaged.tif"
    damaged.write_bytes(damaged.read_bytes()[:300])
    bench.listed.add([tmp_path])
    bench.wait()
    assert bench.session.image == "b"
    assert "a damaged" in bench.message
    bench.listed.step(1)
    assert bench.session.image == "c_film.t0000"
    bench.listed.step(1)
    assert bench.session.image == "d"
    with pytest.raises(InputError, match="this is the last image"):
        bench.listed.step(1)
    bench.listed.step(-1)
    bench.listed.step(-1)
    bench.listed.step(-1)
    assert bench.session.image == "b", "nothing before it can be opened"

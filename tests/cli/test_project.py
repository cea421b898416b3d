"""``train --project`` and ``predict --project``: the folder holds all that they need."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from command_line import call, cells, contents, done, refused
from napari_spatial_embeddings.config import ClusteringSettings, TrainingSettings
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import CHECKPOINT
from napari_spatial_embeddings.project import Annotation, Project
from napari_spatial_embeddings.project.windows import add_window
from napari_spatial_embeddings.system.lock import exclusive_lock

from .projects import project_of

SMALL = "--width", 8, "--levels", 2


def brief(project: Project, **changes: Any) -> Project:
    """Give a project settings of a training that takes a moment."""
    moment = {"epochs": 1, "crop_size": 32, "device": "cpu"}
    project.update(training=TrainingSettings.model_validate({**moment, **changes}))
    return project


def train(project: Project, *flags: object) -> list[dict[str, Any]]:
    return done("train", "--project", project.folder, "--json", *flags).facts


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose model has learned something. To be read only."""
    project = project_of(tmp_path_factory.mktemp("trained"))
    project.update(unlabelled="background")
    train(brief(project, epochs=25, learning_rate=0.01, large_crop_share=0), *SMALL)
    return project


@pytest.fixture
def project(trained: Project, tmp_path: Path) -> Project:
    """A copy of it."""
    shutil.copytree(trained.folder.parent, tmp_path / "copy")
    return brief(Project.open(tmp_path / "copy/project"))


# ---------------------------------------------------------------------------------- training


def test_the_folder_is_enough(trained: Project) -> None:
    assert set(contents(trained.model_folder)) == {"model.safetensors", "model.json", CHECKPOINT}
    assert trained.has_model
    model = SpatialEmbeddings.load(trained.model_folder)
    assert model.history[-1]["ap50"] > 0.5
    assert model.settings.classes == ("object",)


def test_settings_are_the_projects_but_for_flags(tmp_path: Path) -> None:
    project = brief(project_of(tmp_path), epochs=2, batch_size=8)
    start, *reports, _ = train(project, *SMALL)
    assert start["used"]["images"] == 2, "the third has no annotation"
    assert start["used"]["ignored_pixels"] > 0, "unlabelled pixels are unknown"
    assert (start["start"], start["classes"], start["device"]) == (
        None,
        ["object"],
        "cpu",
    )
    assert (reports[-1]["step"], reports[-1]["batch_size"]) == (4, 4)  # 16 objects; larger crops
    assert reports[-1]["saved"]
    shutil.rmtree(project.model_folder)
    assert train(project, *SMALL, "--epochs", 1)[-2]["step"] == 2


def test_a_model_from_scratch_is_as_the_project_says(tmp_path: Path) -> None:
    project = brief(project_of(tmp_path))
    project.update(from_scratch={"width": 8, "levels": 2, "sigma_per_axis": False})
    train(project, "--levels", 1)
    settings = SpatialEmbeddings.load(project.model_folder).settings
    assert (settings.width, settings.levels, settings.sigma_per_axis) == (8, 1, False)
    train(project)  # goes on with the model there is, whatever the settings from scratch


@pytest.mark.parametrize("strokes", [True, False])
def test_the_size_that_is_told_counts_where_it_cannot_be_measured(
    project: Project, tmp_path: Path, strokes: bool
) -> None:
    """Scribbles show no size; whole objects show it best."""
    fresh = brief(project_of(tmp_path / "fresh"))
    for one in (project, fresh):
        one.update(training=one.card.training.updated(object_diameter=31))
        for entry in one.card.images:
            if (drawn := one.annotation(entry.key)) is not None:
                one.save_annotation(entry.key, replace(drawn, scribbled=strokes))
    train(project)
    train(fresh, *SMALL)
    models = [SpatialEmbeddings.load(one.model_folder) for one in (project, fresh)]
    assert (models[0].image_diameter == 31) == strokes
    assert (models[1].settings.working_diameter == 31) == strokes


def test_goes_on_from_the_last_model_and_is_never_worse(project: Project) -> None:
    """Correct, train again: with a training that only spoils, the model stays as it was."""
    before = SpatialEmbeddings.load(project.model_folder)
    flags = "--learning-rate", 10, "--validation-seconds", 0.01, "--report-seconds", 0.01
    text = done("train", "--project", project.folder, *flags).out
    assert "not taken: it segments held-out objects less well" in text
    assert "the start model is kept rather than the last one: it segm" in text.splitlines()[-1]
    last = project.history.last()
    start, reports = last.start, last.reports
    first, *others = reports
    ap50 = first["validation"]["ap50"]
    assert f"AP50 {ap50:.3f} on held-out objects; the model is in" in text.splitlines()[-1]
    end = project.history.read()[-1]
    assert Path(start["start"]) == project.model_folder
    assert first["step"] == 0
    assert first["validation"]["mean_ap"] > 0.1
    assert not first["saved"], "it is the one that is there"
    assert not any(r["saved"] for r in others if not (r["done"] or r["improved"]))
    after = SpatialEmbeddings.load(project.model_folder)
    image = project.image("cells_2").data
    np.testing.assert_array_equal(after.predict_maps(image).seed, before.predict_maps(image).seed)
    assert after.history[: len(before.history)] == before.history
    assert len(after.history) > len(before.history)
    assert end["model"] == str(project.model_folder)
    assert end["event"] == "end"
    assert end["best_step"] == 0
    assert end["verdict"]


def test_a_better_model_takes_its_place_and_the_old_one_is_kept(project: Project) -> None:
    old = contents(project.model_folder)
    project.save_annotation("cells_2", Annotation(cells((64, 64), 2)[1].astype(np.int32)))
    reports = train(project, "--epochs", 20, "--learning-rate", 0.01)
    assert reports[0]["used"]["images"] == 3
    assert reports[-2]["validation"]["mean_ap"] > reports[1]["validation"]["mean_ap"]
    new = contents(project.model_folder)
    assert new["model.safetensors"] != old["model.safetensors"]
    kept = contents(project.previous_folder)
    assert kept == {name: old[name] for name in ("model.safetensors", "model.json")}


def test_from_scratch_leaves_the_old_model_out(project: Project) -> None:
    start, first, *_ = train(project, "--from-scratch", "--width", 12, "--report-seconds", 0.01)
    assert start["start"] is None
    assert first["step"] == 1
    assert SpatialEmbeddings.load(project.model_folder).settings.width == 12


def test_resume_goes_on_with_other_annotations_too(project: Project) -> None:
    before = SpatialEmbeddings.load(project.model_folder).history[-1]["step"]
    labels = cells((64, 64), 0)[1].astype(np.int32)
    project.save_annotation("cells_0", Annotation(np.where(labels == 1, 0, labels)))
    reports = train(project, "--resume", "--epochs", 30)
    assert reports[1]["step"] > before
    assert "finished" in refused("train", "--project", project.folder, "--resume")
    assert Project.open(project.folder).has_model


def test_starts_from_the_model_that_the_project_names(trained: Project, tmp_path: Path) -> None:
    project = brief(project_of(tmp_path))
    project.update(start=str(trained.model_folder))
    assert train(project)[0]["start"] == str(trained.model_folder)
    assert train(project, "--model", trained.model_folder)[0]["start"] == str(trained.model_folder)
    assert train(project)[0]["start"] == str(project.model_folder)


def test_classes_may_change(project: Project) -> None:
    """A new class starts from what is known of the old ones."""
    project.update(classes=("long", "object"))
    project.save_annotation(
        "cells_0", Annotation(cells((64, 64), 0)[1].astype(np.int32), {1: "long", 2: "object"})
    )
    start, first, *_ = train(project)
    assert start["classes"] == ["long", "object"]
    assert first["validation"]["ap50"] > 0.5
    assert SpatialEmbeddings.load(project.model_folder).settings.classes == ("long", "object")


def test_what_a_killed_training_left_is_cleared_away(project: Project) -> None:
    (project.model_folder / ".model.safetensors.0a1b2c3d.part").write_bytes(b"half of it")
    train(project)
    assert set(contents(project.model_folder)) == {"model.safetensors", "model.json", CHECKPOINT}


def test_history_collects_the_trainings(project: Project) -> None:
    before = project.history.read()
    train(project)
    facts = project.history.read()
    assert facts[: len(before)] == before
    last = project.history.last()
    start, reports = last.start, last.reports
    assert (start["event"], reports) == ("start", [f for f in facts[len(before) :] if "loss" in f])
    events = [fact["event"] for fact in facts]
    assert events.count("start") == events.count("end") == 2
    assert sum(fact.get("done", False) for fact in facts) == 2
    refused("train", "--project", project.folder, "--device", "abacus")
    assert "abacus" in project.history.read()[-1]["message"]


def test_history_is_bounded_and_forgives(project: Project) -> None:
    path = project.history.path
    path.write_bytes(b'{"event": "old"}\n' * 30_000 + b'{"event": "cut o')
    project.history.note({"event": "new"})
    facts = project.history.read()
    assert len(facts) == 20_001
    assert facts[-1]["event"] == "new"
    assert path.read_bytes().endswith(b"\n")


# --------------------------------------------------------------------------------- prediction


def test_predicts_all_its_images(project: Project) -> None:
    outcome = done("predict", "--project", project.folder, "--table", "--json")
    written = outcome.facts[0]["written"]
    assert [Path(w["labels"]).name for w in written] == [f"cells {i}.tif" for i in range(3)]
    assert {Path(w["labels"]).parent for w in written} == {project.results_folder}
    assert all(w["objects"] > 2 for w in written)
    assert (project.results_folder / "cells 2.csv").exists()


def test_labels_of_a_view_say_where_it_lies(project: Project) -> None:
    one = project.image("cells_2")
    part, source = (
        one.part((slice(8, 64), slice(16, 64))),
        project.folder / project.entry("cells_2").path,
    )
    add_window(project, "view", part, ((8, 64), (16, 64)), name="view", source=str(source))
    low = ClusteringSettings(seed_threshold=0.1, foreground_threshold=0.1, min_size=1)
    project.update(clustering=low)  # whatever the model has learned, there are objects
    done("predict", "--project", project.folder, "--table")
    with tifffile.TiffFile(project.results_folder / "view.tif") as file:
        assert file.imagej_metadata is not None
        about = json.loads(file.imagej_metadata["Info"])
    assert about["first_pixel"] == {"y": 8, "x": 16}
    head, row, *_ = (project.results_folder / "view.csv").read_text().splitlines()
    found = dict(zip(head.split(","), row.split(","), strict=True))
    assert float(found["centre_x_px_whole"]) == pytest.approx(float(found["centre_x_px"]) + 16)
    assert "whole" not in (project.results_folder / "cells 2.csv").read_text()


def test_predicts_what_it_is_given_with_its_settings(project: Project, tmp_path: Path) -> None:
    project.update(clustering=ClusteringSettings(min_size=5000))
    image = tmp_path / "copy/raw/cells 1.tif"
    command = "predict", image, "--project", project.folder, "--output", tmp_path / "out"
    done(*command)
    assert not tifffile.imread(tmp_path / "out/cells 1.tif").any()
    done(*command, "--min-size", 1)
    assert tifffile.imread(tmp_path / "out/cells 1.tif").any()
    done(*command, "--model", project.model_folder)
    assert tifffile.imread(tmp_path / "out/cells 1.tif").any(), "tuned for the project's own model"


def test_a_missing_image_does_not_stop_the_others(project: Project, tmp_path: Path) -> None:
    image = tmp_path / "copy/raw/cells 1.tif"
    kept = image.read_bytes()
    image.unlink()
    outcome = call("predict", "--project", project.folder)
    assert outcome.code == 1
    assert "the image 'cells_1' is not at" in outcome.err
    card = project.folder / "project.json"
    assert f"put it back, or write where it is now into {card}, as the path of this" in outcome.err
    assert "where it is now into" in refused("train", "--project", project.folder)
    text = card.read_text()
    (tmp_path / "cells 1.tif").write_bytes(kept)
    card.write_text(text.replace("../raw/cells 1.tif", "../../cells 1.tif"))
    assert len(list(project.results_folder.glob("*.tif"))) == 2
    assert call("predict", "--project", project.folder).code == 0
    assert len(list(project.results_folder.glob("*.tif"))) == 3


# ------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--images", "a"), "--images: the project has its own"),
        (("--output", "a"), "--output: the project has its own"),
        (("--pixel-size", 1, 1), "--pixel-size: the project has its own"),
        (("--unlabelled", "ignore"), "--unlabelled: the project has its own"),
        (("--scribbles",), "--scribbles: the project has its own"),
        (("--from-scratch", "--resume"), "--from-scratch: leave it"),
        (("--width", 12), "add --from-scratch"),
        (("--epochs", -1), "--epochs"),
    ],
)
def test_calls_that_contradict_themselves(project: Project, flags: Any, says: str) -> None:
    before = contents(project.model_folder)
    assert says in refused("train", "--project", project.folder, *flags)
    assert contents(project.model_folder) == before


def test_other_things_that_cannot_work(tmp_path: Path) -> None:
    assert "there is no folder" in refused("train", "--project", tmp_path / "nowhere")
    empty = Project.create(tmp_path / "empty")
    assert "nothing is annotated yet" in refused("train", "--project", empty.folder)
    assert "has no model yet" in refused("predict", "--project", empty.folder)
    assert "no training to go on with" in refused("train", "--project", empty.folder, "--resume")
    assert "--from-scratch" in refused(
        "train", "--from-scratch", "--images", 1, "--labels", 1, "--output", 1
    )
    empty.update(start="nuclei-3d")
    assert "has no images yet" in refused("predict", "--project", empty.folder)
    key = empty.add_image(data=np.zeros((2, 64, 64), np.uint8)).key
    empty.save_annotation(key, Annotation(np.eye(64, dtype=np.int32)))
    sentence = refused("train", "--project", empty.folder)
    assert "a 2D image with 2 channels; --from-scratch starts without" in sentence
    assert not empty.has_model


def test_one_training_at_a_time(project: Project) -> None:
    with exclusive_lock(project.folder / ".training", "busy"):
        assert "another training" in refused("train", "--project", project.folder, code=1)
    train(project)


def test_programs_are_told_of_errors_too(project: Project) -> None:
    outcome = call("train", "--project", project.folder, "--json", "--width", 12)
    assert outcome.code == 2
    (fact,) = outcome.facts
    assert fact["event"] == "error"
    assert outcome.err.endswith(f"{fact['message']}\n")

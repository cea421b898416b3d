"""Frames of time series in a project: one file, and the intensities of all frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from builders import capsules, picture
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.files.names import frame_key
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise
from napari_spatial_embeddings.project import Annotation, Project, WrongImage
from napari_spatial_embeddings.project.frames import add_frame, read_whole, replace_series, wholes
from napari_spatial_embeddings.project.training_set import load_training_set
from napari_spatial_embeddings.training.preparation import normalised

LABELS = [capsules((48, 64), t, count=6) for t in range(4)]


def film() -> NDArray[np.float32]:
    """Return frames of growing brightness."""
    return np.stack([picture(labels, t)[0] * np.float32(1 + t) for t, labels in enumerate(LABELS)])


def series(pixels: NDArray[np.float32]) -> ImageData:
    return ImageData(pixels[:, None], "TCYX", (0.5, 0.5), "um", "film")


def add(project: Project, t: int, source: Path | None = None, **how: bool) -> None:
    key, name = frame_key("film", t), f"film, frame {t}"
    path = None if source is None else str(source)
    add_frame(project, key, series(film()), t, name=name, source=path, **how)


@pytest.mark.parametrize("stored", ["named", "unnamed", "last", "none"])
def test_frames_refer_to_one_file(tmp_path: Path, stored: str) -> None:
    file, pixels = tmp_path / "film.tif", film()
    if stored == "named":
        tifffile.imwrite(file, pixels, imagej=True, metadata={"axes": "TYX"})
    elif stored == "unnamed":
        tifffile.imwrite(file, pixels, photometric="minisblack")
    elif stored == "last":
        last = np.moveaxis(pixels, 0, -1)
        tifffile.imwrite(file, last, photometric="minisblack", metadata={"axes": "YXT"})
    project = Project.create(tmp_path / "project")
    for t in (3, 1):
        add(project, t, None if stored == "none" else file)
    project = Project.open(project.folder)
    assert [(e.key, e.frame) for e in project.card.images] == [("film.t0003", 3), ("film.t0001", 1)]
    paths = {(project.folder / e.path).resolve() for e in project.card.images}
    assert paths == {project.folder / "images/film.tif" if stored == "none" else file}
    for t in (1, 3):
        image = project.image(frame_key("film", t))
        np.testing.assert_array_equal(np.asarray(image.data), pixels[t][None])
        assert (image.axes, image.pixel_size, image.unit) == ("CYX", (0.5, 0.5), "um")
    whole = read_whole(project, "film.t0001")
    np.testing.assert_array_equal(np.asarray(whole.data), pixels[:, None])
    assert list(wholes(project)) == ["film"]


def test_frames_are_trained_on_with_the_intensities_of_their_series(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    for t in (0, 3):
        add(project, t)
        project.save_annotation(frame_key("film", t), Annotation(LABELS[t]))
    found = load_training_set(project).images
    assert [part.name for part in found] == ["film, frame 0", "film, frame 3"]
    settings = ModelSettings()
    scale = normalisation(film()[:, None], settings)
    for t, part in zip((0, 3), normalised(found, settings), strict=True):
        wanted = normalise(film()[t][None], scale)
        np.testing.assert_allclose(np.asarray(part.image, np.float32), wanted)


def test_a_copy_goes_with_its_last_frame(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    for t in (0, 3):
        add(project, t)
    copy = tmp_path / "images/film.tif"
    project.remove_image("film.t0000")
    assert copy.exists()
    project.remove_image("film.t0003")
    assert not copy.exists()


def test_other_pixels_take_the_place_of_a_series(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    add(project, 2)
    project.save_annotation("film.t0002", Annotation(LABELS[2]))
    replace_series(project, "film", series(film() + 1))
    np.testing.assert_array_equal(np.asarray(project.image("film.t0002").data)[0], film()[2] + 1)
    assert project.annotation("film.t0002") is not None


def test_a_series_with_fewer_frames_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "film.tif"
    tifffile.imwrite(file, film(), imagej=True, metadata={"axes": "TYX"})
    project = Project.create(tmp_path / "project")
    add(project, 3, file)
    tifffile.imwrite(file, film()[:2], imagej=True, metadata={"axes": "TYX"})
    with pytest.raises(WrongImage, match=r"has 2 frames now, and 'film.t0003' is number 3"):
        project.image("film.t0003")

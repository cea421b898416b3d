"""Views of large images in a project: windows of a file, normalised as all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from builders import capsules, picture
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise
from napari_spatial_embeddings.project import Annotation, Project, WrongImage
from napari_spatial_embeddings.project.training_set import load_training_set
from napari_spatial_embeddings.project.windows import add_window
from napari_spatial_embeddings.training.preparation import normalised

LABELS = capsules((120, 160), 0, count=12)
WINDOW = ((20, 100), (40, 120))
PART = tuple(slice(*ends) for ends in WINDOW)


def large() -> ImageData:
    """Return an image whose right half is much brighter than its left one."""
    pixels = picture(LABELS, 0)[0] * np.linspace(1, 9, 160, dtype=np.float32)
    return ImageData(pixels[None], "CYX", (0.5, 0.5), "um", "slide")


@pytest.mark.parametrize("stored", [True, False])
def test_a_view_refers_to_the_file_of_its_image(tmp_path: Path, stored: bool) -> None:
    image, file = large(), tmp_path / "slide.tif"
    if stored:
        tifffile.imwrite(file, np.asarray(image.data)[0])
    made = Project.create(tmp_path / "project")
    source = str(file) if stored else None
    add_window(made, "view", image.part(PART), WINDOW, name="slide, view 1", source=source)
    made.save_annotation("view", Annotation(LABELS[PART]))
    project = Project.open(made.folder)
    entry, view = project.entry("view"), project.image("view")
    assert entry.window == (WINDOW if stored else None)
    assert (project.folder / entry.path).resolve() == (
        file if stored else project.folder / "images/view.tif"
    )
    np.testing.assert_array_equal(np.asarray(view.data), np.asarray(image.data)[:, *PART])
    assert (view.pixel_size, view.unit, view.name) == ((0.5, 0.5), "um", "slide, view 1")
    assert view.start == ((20, 40) if stored else ())
    assert view.part((slice(5, 9), slice(7, 9))).start == ((25, 47) if stored else (5, 7))
    # The file itself is another image.
    assert {project.add_files([file])[0].key} != {"view"} or not stored

    settings = ModelSettings()
    (trained,) = normalised(load_training_set(Project.open(made.folder)).images, settings)
    whole = image.data if stored else view.data
    expected = normalise(np.asarray(view.data), normalisation(whole, settings))
    assert np.allclose(trained.image, expected, rtol=1e-5, atol=1e-5)


def test_a_file_that_holds_the_window_no_more(tmp_path: Path) -> None:
    file, image = tmp_path / "slide.tif", large()
    tifffile.imwrite(file, np.asarray(image.data)[0])
    project = Project.create(tmp_path / "project")
    add_window(project, "view", image.part(PART), WINDOW, name="view", source=str(file))
    tifffile.imwrite(file, np.asarray(image.data)[0, :90])
    with pytest.raises(WrongImage, match="part"):
        project.image("view")

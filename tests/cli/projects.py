"""Projects of small images, for the tests of the commands that take one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from command_line import cells, save
from napari_spatial_embeddings.project import Annotation, Project


def project_of(folder: Path, count: int = 2, edge: int = 64) -> Project:
    """Return a project of cells, all of them annotated on all images but the last."""
    project = Project.create(folder / "project")
    for i in range(count + 1):
        image, labels = cells((edge, edge), i)
        entry = project.add_image(save(folder / "raw" / f"cells {i}.tif", image))
        if i < count:
            project.save_annotation(entry.key, Annotation(labels.astype(np.int32)))
    return project

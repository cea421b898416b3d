"""The model from before a project's last training, and its way back."""

from __future__ import annotations

from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.inference import model_card

from .errors import ProjectError
from .folder import Project


def exchange_previous(project: Project) -> None:
    """Exchange the model and the one before the last training; again to undo it.

    Raises
    ------
    ProjectError
        If there is no model before.
    """
    if not (project.previous_folder / model_card.WEIGHTS).exists():
        raise ProjectError(f"{project.folder} holds no model before the last training")
    for name in (model_card.WEIGHTS, model_card.CARD):
        model, before = project.model_folder / name, project.previous_folder / name
        between = before.with_name(f".{name}.part")
        with writing(model):  # renaming needs no room on the disk
            for old, new in ((before, between), (model, before), (between, model)):
                if old.exists():
                    old.replace(new)

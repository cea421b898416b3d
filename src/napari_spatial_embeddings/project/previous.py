"""The model from before a project's last training, and its way back."""

from __future__ import annotations

from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.inference import model_card
from napari_spatial_embeddings.system.atomic import atomic_file, write_atomically

from .errors import ProjectError
from .folder import Project


def exchange_previous(project: Project) -> None:
    """Exchange the model and the one before the last training; again to undo it.

    Raises
    ------
    ProjectError
        If there is no model before.
    FileError, Failure
        If the system refuses, as on a full disk; both models then stay where they are.
    """
    weights = model_card.WEIGHTS
    if not all((f / weights).exists() for f in (project.previous_folder, project.model_folder)):
        raise ProjectError(f"{project.folder} holds no model before the last training")
    for name in (weights, model_card.CARD):
        model, before = project.model_folder / name, project.previous_folder / name
        if model.exists() and before.exists():
            with writing(model):
                own, other = model.read_bytes(), before.read_bytes()
                # The model's own is written beside its new place before anything is replaced.
                with atomic_file(before) as file:
                    file.write(own)
                    write_atomically(model, other)

"""The model from before a project's last training: kept, and exchanged with the new one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.inference import model_card
from napari_spatial_embeddings.system.atomic import atomic_file

from .errors import ProjectError
from .folder import Project
from .history import EXCHANGE

FILES = (model_card.CARD, model_card.WEIGHTS)
"""What a model consists of. A folder holds one if it holds weights: they are removed first."""


def keep_previous(project: Project) -> None:
    """Copy the model to `Project.previous_folder`, before a training replaces it.

    Where there is no model yet, none is kept there: that of an earlier training would be taken for
    it.
    """
    if project.has_model:
        _copy((project.model_folder, project.previous_folder))
    else:
        _remove(project.previous_folder)


def has_previous(project: Project) -> bool:
    """Return whether there is a model from before the last training, or one put back there."""
    return _holds_model(project.previous_folder)


def exchange_previous(project: Project) -> None:
    """Exchange the model and the one before the last training; again to undo it.

    A project that had no model before has none afterwards, and uses its start model.

    Raises
    ------
    ProjectError
        If there is neither of them.
    FileError, Failure
        If the system refuses, as on a full disk; both models then stay where they are.
    """
    model, before = project.model_folder, project.previous_folder
    if project.has_model and has_previous(project):
        _copy((model, before), (before, model))
    elif project.has_model or has_previous(project):
        source, target = (model, before) if project.has_model else (before, model)
        _copy((source, target))
        _remove(source)
    else:
        raise ProjectError(f"{project.folder} holds no model before the last training")
    project.history.note({"event": EXCHANGE})


def _holds_model(folder: Path) -> bool:
    return (folder / model_card.WEIGHTS).exists()


def _copy(*pairs: tuple[Path, Path]) -> None:
    """Copy models, each from a folder to a folder: all is written before anything is replaced.

    The weights hold the card as well. Its own file is missing where a training was killed between
    the two, and is then missing in the copy, too.
    """
    stale = []
    with ExitStack() as parts:
        for source, target in pairs:
            for name in FILES:
                if name == model_card.CARD and not (source / name).exists():
                    stale.append(target / name)
                    continue
                parts.enter_context(writing(target / name))
                part = parts.enter_context(atomic_file(target / name))
                part.write((source / name).read_bytes())
                part.flush()
    for path in stale:
        with writing(path):
            path.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    for name in reversed(FILES):
        if (folder / name).exists():
            with writing(folder / name):
                (folder / name).unlink()

"""Which model a training starts from."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QWidget

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.model_card import ModelCard
from napari_spatial_embeddings.registry import find_folder, shipped
from napari_spatial_embeddings.session import Session

from ._form import calm

FRESH, BROWSE = "", "..."
"""What stands for no model, and for asking."""


class StartModel(QComboBox):
    """A fresh model, the project's, a shipped one, or one from a folder.

    Parameters
    ----------
    session : Session
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._chosen = FRESH
        self._browsed: str | None = None
        self._own: str | None = None
        self._told = False
        session.model_changed.connect(self._follow)
        calm(self)
        self.setMinimumContentsLength(12)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.activated.connect(lambda *_: self._choose(self.currentData()))
        self.restore()

    @property
    def chosen(self) -> str | None:
        """Folder or name of the chosen model; None for a fresh one."""
        return self._chosen or None

    def choose(self, model: str | None) -> None:
        """Choose a model by folder or name; the choice stays until a training ends."""
        self._told = True
        self._chosen = model or FRESH
        self.refresh()
        self.changed.emit()

    def card(self) -> ModelCard | None:
        """Return what the chosen model says of itself; None for a fresh one.

        Raises
        ------
        ModelError
            If it is gone or damaged.
        """
        return ModelCard.read(find_folder(self._chosen)) if self._chosen else None

    def restore(self) -> None:
        """Choose the project's own model, or what it started from; else the choice stays."""
        project = self._session.project
        if self._chosen == self._own:
            self._chosen = FRESH
        self._own = str(project.model_folder) if project is not None else None
        if project is not None:
            self._chosen = str(
                self._own if project.has_model else project.card.start or self._chosen
            )
        self.refresh()
        self.changed.emit()

    def close_down(self) -> None:
        """Let go of the session."""
        self._session.model_changed.disconnect(self._follow)

    def _follow(self) -> None:
        """Who looks at what a model says, and corrects it, means to improve that one."""
        if not (self._told or self._session.training.active):
            self._chosen = self._session.model or FRESH
            self.refresh()
            self.changed.emit()

    def refresh(self) -> None:
        """List what there is now."""
        project = self._session.project
        known = {"A fresh model": FRESH}
        if project is not None and project.has_model:
            known["This project's model"] = str(project.model_folder)
        known |= {name: name for name in shipped()}
        for path in filter(None, (self._browsed, self._chosen)):
            if path not in known.values():
                known[f"{Path(path).name} (folder)"] = path
        known["Choose a folder..."] = BROWSE
        self.clear()
        for title, model in known.items():
            self.addItem(title, model)
        self.setCurrentIndex(self.findData(self._chosen))
        self.setToolTip(self._chosen or "Starts from nothing: best for images unlike all others.")

    def _choose(self, model: str) -> None:
        if model != BROWSE:
            self.choose(model)
            return
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model")
        if folder:
            try:
                ModelCard.read(folder)
            except InputError as error:
                self._session.say(str(error), "error")
            else:
                self._browsed = folder
                self._chosen = folder
        self.choose(self._chosen)

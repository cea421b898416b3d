"""Which model predicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QFileDialog, QWidget

from napari_spatial_embeddings.model_card import ModelCard
from napari_spatial_embeddings.registry import find_folder, shipped

from ._form import calm

if TYPE_CHECKING:
    from napari_spatial_embeddings.session import Session

BROWSE = "..."
"""What stands for asking."""


class ModelChoice(QComboBox):
    """The project's model, a shipped one, or one from a folder; shows and sets the session's.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._browsed: str | None = None
        self.setMinimumContentsLength(10)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        calm(self)
        self.activated.connect(lambda *_: self._choose(self.currentData()))
        session.model_changed.connect(self.refresh)
        session.project_changed.connect(self.refresh)
        self.refresh()

    def close_down(self) -> None:
        """Stop following the session."""
        self._session.model_changed.disconnect(self.refresh)
        self._session.project_changed.disconnect(self.refresh)

    def card(self) -> ModelCard | None:
        """Return what the model says of itself; None if there is no model.

        Raises
        ------
        ModelError
            If it is gone or damaged.
        """
        model = self._session.model
        return None if model is None else ModelCard.read(find_folder(model))

    def refresh(self) -> None:
        """List what there is now."""
        project, model = self._session.project, self._session.model
        known: dict[str, str | None] = {} if model else {"none yet": None}
        if project is not None and project.has_model:
            known["This project's model"] = str(project.model_folder)
        known |= {name: name for name in shipped()}
        for path in filter(None, (self._browsed, model)):
            if path not in known.values():
                known[f"{Path(path).name} (folder)"] = path
        known["Choose a folder..."] = BROWSE
        self.clear()
        for title, value in known.items():
            self.addItem(title, value)
        self.setCurrentIndex(self.findData(model))
        self.setToolTip(model or "Choose a model, or train one above.")

    def _choose(self, model: str | None) -> None:
        if model == BROWSE:
            model = QFileDialog.getExistingDirectory(self, "Folder of a model") or None
            self._browsed = model or self._browsed
        if model is not None and model != self._session.model:
            with self._session.speaking():
                self._session.set_model(model, ModelCard.read(find_folder(model)).clustering)
        self.refresh()

"""Which model: the project's own, a shipped one, or one from a folder; or none."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QWidget

from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.registry import find_folder, shipped
from napari_spatial_embeddings.plugin.qt.form_fields import calm
from napari_spatial_embeddings.plugin.session import Session

BROWSE = "..."
"""What stands for asking."""


class ModelChoice(QComboBox):
    """Shows the session's model, until a person chooses another one here.

    Parameters
    ----------
    session : Session
    nothing : str
        What is shown where there is no model.
    offered : bool
        Whether a person may choose to have none.
    """

    picked = Signal()
    """A person has chosen."""
    changed = Signal()
    """Another model is chosen, whoever did it."""

    def __init__(
        self, session: Session, nothing: str, *, offered: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._nothing, self._offered = session, nothing, offered
        self._picked = False
        self._chosen: str | None = None
        self._browsed: str | None = None
        self.setMinimumContentsLength(10)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        calm(self)
        self.activated.connect(lambda *_: self._pick(self.currentData()))
        session.model_changed.connect(self._follow)
        session.project_changed.connect(self._refresh)
        self.follow()

    @property
    def chosen(self) -> str | None:
        """Folder or name of the chosen model; None if there is none."""
        return self._chosen

    def choose(self, model: str | None) -> None:
        """Choose a model by folder or name, whatever the session's is from now on."""
        self._picked = True
        self._show(model)

    def follow(self) -> None:
        """Show the session's model, now and from now on."""
        self._picked = False
        self._show(self._session.model)

    def card(self) -> ModelCard | None:
        """Return what the chosen model says of itself; None if there is none.

        Raises
        ------
        ModelError
            If it is gone or damaged.
        """
        return None if self._chosen is None else ModelCard.read(find_folder(self._chosen))

    def close_down(self) -> None:
        """Let go of the session."""
        self._session.model_changed.disconnect(self._follow)
        self._session.project_changed.disconnect(self._refresh)

    def _follow(self) -> None:
        if self._picked:
            self._refresh()
        else:
            self._show(self._session.model)

    def _show(self, model: str | None) -> None:
        changed = model != self._chosen
        self._chosen = model
        self._refresh()
        if changed:
            self.changed.emit()

    def _refresh(self) -> None:
        """List what there is now."""
        project, known, cards = self._session.project, dict[str, str | None](), shipped()
        if self._offered or self._chosen is None:
            known[self._nothing] = None
        if project is not None and project.has_model:
            known["This project's model"] = str(project.model_folder)
        known |= {name: name for name in cards}
        for path in filter(None, (self._browsed, self._chosen)):
            if path not in known.values():
                known[f"{Path(path).name} (folder)"] = path
        known["Open a folder..."] = BROWSE
        self.clear()
        for title, model in known.items():
            self.addItem(title, model)
            about = cards[model].about.get("summary") if model in cards else None
            self.setItemData(self.count() - 1, about or model, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(list(known.values()).index(self._chosen))
        self.setToolTip(self.currentData(Qt.ItemDataRole.ToolTipRole) or "")

    def _pick(self, model: str | None) -> None:
        if model == BROWSE:
            model = QFileDialog.getExistingDirectory(self, "Folder of a model") or self._chosen
            if model == self._chosen:
                self._refresh()
                return
            with self._session.speaking():
                ModelCard.read(str(model))
                self._browsed = model
            if model != self._browsed:  # it is none
                self._refresh()
                return
        self.choose(model)
        self.picked.emit()

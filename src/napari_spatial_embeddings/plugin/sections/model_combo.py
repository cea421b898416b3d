"""List of models: the project's own, shipped and imported ones, one from a folder; or none."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_spatial_embeddings.inference.library import imported
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.registry import find_folder, shipped
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.name_widgets import NameCombo
from napari_spatial_embeddings.plugin.state.session import Session

BROWSE, MANAGE = "...", "models"
"""Data of the entries that open a dialog."""


class ModelCombo(NameCombo):
    """Shows the session's model, until the user chooses another one here.

    A list with an entry for none shows the one that a training can start from.

    Parameters
    ----------
    session : Session
    none_text : str
        Shown where there is no model.
    optional : bool
        Whether the user may choose none.
    """

    picked = Signal()
    """The user has chosen."""
    changed = Signal()
    """Another model is chosen, by the user or by the program."""
    managed = Signal()
    """The user wants to see, import, export or delete models."""

    def __init__(
        self, session: Session, none_text: str, *, optional: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._none_text, self._optional = session, none_text, optional
        self._picked = False
        self._chosen: str | None = None
        self._browsed: str | None = None
        self.activated.connect(lambda *_: self._pick(self.currentData()))
        self._connections = Connections()
        self._connections.add(session.model_changed, self._follow)
        self._connections.add(session.project_changed, self._refresh)
        self._connections.add(session.models_changed, self._refresh)
        self.follow()

    @property
    def chosen(self) -> str | None:
        """Folder or name of the chosen model; None if there is none."""
        return self._chosen

    def choose(self, model: str | None) -> None:
        """Choose a model by folder or name; from now on the session's is not followed."""
        self._picked = True
        self._show(model)

    def follow(self) -> None:
        """Show the session's model, now and from now on."""
        self._picked = False
        self._show(self._suggested)

    @property
    def _suggested(self) -> str | None:
        return self._session.start if self._optional else self._session.model

    def card(self) -> ModelCard | None:
        """Return the chosen model's card; None if there is none.

        Raises
        ------
        ModelError
            If the model is missing or damaged.
        """
        return None if self._chosen is None else ModelCard.read(find_folder(self._chosen))

    def close_down(self) -> None:
        """Disconnect from the session."""
        self._connections.close()

    def _follow(self) -> None:
        if self._picked:
            self._refresh()
        else:
            self._show(self._suggested)

    def _show(self, model: str | None) -> None:
        changed = model != self._chosen
        self._chosen = model
        self._refresh()
        if changed:
            self.changed.emit()

    def _refresh(self) -> None:
        """List the present models."""
        project, known, cards = self._session.project, dict[str, str | None](), shipped()
        if self._optional or self._chosen is None:
            known[self._none_text] = None
        if project is not None and project.has_model:
            known["Project's model"] = str(project.model_folder)
        known |= {name: name for name in cards}
        known |= {name: str(folder) for name, folder in imported().items()}
        for path in filter(None, (self._browsed, self._chosen)):
            if path not in known.values():
                known[f"{Path(path).name} (folder)"] = path
        known["Open a folder..."] = BROWSE
        known["Manage models..."] = MANAGE
        self.clear()
        for title, model in known.items():
            self.addItem(title, model)
            about = cards[model].about.get("summary") if model in cards else None
            self.setItemData(self.count() - 1, about or model, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(list(known.values()).index(self._chosen))
        self.set_about(self.currentData(Qt.ItemDataRole.ToolTipRole) or "")

    def _pick(self, model: str | None) -> None:
        if model == MANAGE:
            self._refresh()
            self.managed.emit()
            return
        if model == BROWSE:
            model = QFileDialog.getExistingDirectory(self, "Folder of a model") or self._chosen
            if model == self._chosen:
                self._refresh()
                return
            with self._session.errors_as_messages():
                ModelCard.read(str(model))
                self._browsed = model
            if model != self._browsed:  # it is no model
                self._refresh()
                return
        self.choose(model)
        self.picked.emit()

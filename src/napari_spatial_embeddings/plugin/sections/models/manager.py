"""Window of models: which there are, what they are, and what can be done with them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.registry import find_folder, shipped
from napari_spatial_embeddings.plugin.controllers.sharing.models import ModelLibrary
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.dialogs import Dialogs
from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid
from napari_spatial_embeddings.plugin.qt.name_widgets import NameList
from napari_spatial_embeddings.plugin.state.session import Session

from .drop import ModelDrop

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.exchange.exporting import Kind

KINDS: dict[Kind, tuple[str, str]] = {
    "zip": ("For this program (zip)…", "one file, to be imported by others"),
    "onnx": ("As ONNX (folder)…", "for onnxruntime, with a NumPy reference of the clustering"),
    "bioimageio": ("For bioimage.io (zip)…", "for its consumers, such as deepImageJ"),
}

OWN = "This is not an imported model: it can be exported, not renamed or deleted here."


class ModelManager(QDialog):
    """Lists models, and has buttons for what can be done with the chosen one.

    Parameters
    ----------
    session : Session
    models : ModelLibrary
    dialogs : Dialogs
    """

    def __init__(
        self,
        session: Session,
        models: ModelLibrary,
        dialogs: Dialogs,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._models, self._dialogs = session, models, dialogs
        self.setWindowTitle("Models")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.list = NameList()
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.use = QPushButton("Use")
        self.copy = QPushButton("Copy path")
        self.rename = QPushButton("Rename…")
        self.delete = QPushButton("Delete…")
        self.export = QPushButton("Export")
        self.importing = QPushButton("Import…")
        self._lay_out()
        self.list.currentRowChanged.connect(self._show)
        self.list.itemDoubleClicked.connect(lambda _: self._use())
        self.use.clicked.connect(self._use)
        self.copy.clicked.connect(self._copy)
        self.rename.clicked.connect(self._rename)
        self.delete.clicked.connect(self._delete)
        self.importing.clicked.connect(self._import)
        self.export.setMenu(self._kinds())
        ModelDrop(self, self._models.import_models)
        self._connections = Connections()
        for signal in (session.models_changed, session.model_changed, session.project_changed):
            self._connections.add(signal, self.refresh)
        self._connections.add(models.changed, self.refresh)
        self.finished.connect(lambda _: self.close_down())
        self._models_shown: list[str] = []
        self.refresh()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.addWidget(self.list, 1)
        column.addWidget(self.about)
        buttons = self.use, self.importing, self.export, self.rename, self.copy, self.delete
        column.addLayout(EvenGrid(3, buttons))
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        column.addWidget(box)
        # Room for the longest of the texts, so that nothing moves when another model is chosen.
        self.about.setMinimumHeight(5 * self.fontMetrics().lineSpacing())
        self.resize(320, 360)

    def _kinds(self) -> QMenu:
        menu = QMenu(self.export)
        menu.setToolTipsVisible(True)
        for kind, (text, tip) in KINDS.items():
            action = menu.addAction(text)
            action.setToolTip(tip)
            action.triggered.connect(partial(self._export, kind))
        return menu

    def close_down(self) -> None:
        """Disconnect from the session and the controller."""
        self._connections.close()

    @property
    def chosen(self) -> str | None:
        """The chosen model, by its folder or its name."""
        row = self.list.currentRow()
        return self._models_shown[row] if 0 <= row < len(self._models_shown) else None

    def refresh(self, *_: object) -> None:
        """List the present models; the chosen one stays chosen, or the session's is."""
        before = self.chosen
        known = self._models.known()
        self.list.blockSignals(True)
        self.list.clear()
        for title, model in known.items():
            used = " (in use)" if model == self._session.model else ""
            self.list.add_name(f"{title}{used}", str(find_folder(model)))
        self._models_shown = list(known.values())
        self._choose(before if before in self._models_shown else self._session.model)
        self.list.blockSignals(False)
        self._show()

    def _choose(self, model: str | None) -> None:
        shown = self._models_shown
        self.list.setCurrentRow(shown.index(model) if model in shown else 0)

    def _show(self, _row: int = 0) -> None:
        """Show what the chosen model is, and enable what can be done with it."""
        model, busy = self.chosen, self._models.busy
        self.about.setText("Working…" if busy else description(model) if model else "")
        own = model is not None and self._models.imported_name(model) is not None
        for button, possible, tip in (
            (self.use, True, "Predict with this model."),
            (self.copy, True, "Copy the path of the model's folder."),
            (self.export, True, "Write the model for others."),
            (self.rename, own, "Give the model another name."),
            (self.delete, own, "Delete the model from this computer."),
        ):
            button.setEnabled(model is not None and possible and not busy)
            button.setToolTip(tip if possible else OWN)
        self.importing.setEnabled(not busy)
        self.importing.setToolTip("Import a model: a zip or an ONNX file. Or drop it here.")

    # ------------------------------------------------------------------ actions

    def _use(self) -> None:
        if self.chosen is not None:
            self._models.use(self.chosen)

    def _copy(self) -> None:
        if self.chosen is not None:
            with self._session.errors_as_messages():
                QApplication.clipboard().setText(str(find_folder(self.chosen).absolute()))

    def _rename(self) -> None:
        model = self.chosen
        if model is None or (name := self._models.imported_name(model)) is None:
            return
        if new := self._dialogs.new_name("Rename the model", name):
            self._choose(self._models.rename(model, new))

    def _delete(self) -> None:
        model = self.chosen
        if model is None or (name := self._models.imported_name(model)) is None:
            return
        question = f"Delete the model {name} from this computer? It cannot be brought back."
        if self._dialogs.confirm(question, "Delete", "Keep"):
            self._models.delete(model)

    def _import(self) -> None:
        if paths := self._dialogs.import_models(Path.home()):
            self._models.import_models(paths)

    def _export(self, kind: Kind) -> None:
        model = self.chosen
        if model is None:
            return
        with self._session.errors_as_messages():
            from napari_spatial_embeddings.inference.exchange.exporting import rights_of
            from napari_spatial_embeddings.inference.exchange.importing import name_of

            folder = find_folder(model)
            name = name_of(folder)
            suggestion = Path.home() / (f"{name}-onnx" if kind == "onnx" else f"{name}.zip")
            rights: tuple[list[str], str | None] | None = [], None
            if kind == "bioimageio":
                rights = self._dialogs.model_rights(*rights_of(folder, ModelCard.read(folder)))
            if rights is None:
                return
            if (output := self._dialogs.export_model(suggestion)) is not None:
                self._models.export(model, kind, output, *rights)


def description(model: str) -> str:
    """Return what a model is, in a few lines."""
    try:
        card = shipped().get(model) or ModelCard.read(find_folder(model))
    except InputError as error:
        return str(error)
    settings, summary = card.settings, card.about.get("summary")
    kind = f"{'Volumes' if settings.ndim == 3 else 'Images'} of {settings.in_channels}"
    size = card.diameter
    lines = [
        f"{kind} channel{'s' * (settings.in_channels != 1)}; objects about {size:.0f} pixels wide.",
        f"Classes: {', '.join(settings.classes)}." if len(settings.classes) > 1 else "",
    ]
    if isinstance(summary, str) and summary:
        lines.insert(0, f"{summary[0].upper()}{summary[1:]}.")
    if card.history and (ap := card.history[-1].get("ap50")) is not None:
        held = "held-out objects" if card.history[-1].get("held_out") else "its training images"
        lines.append(f"AP50 {ap:.2f} on {held}.")
    return "\n".join(filter(None, lines))

"""List of devices, with name and free memory of the chosen one in the tooltip."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.name_widgets import NameCombo
from napari_spatial_embeddings.plugin.qt.process import command_line
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock
from napari_spatial_embeddings.plugin.state.session import Session

AUTO = "auto"


class DeviceCombo(QWidget):
    """Edits the session's device, and shows what to do if a graphics card is not used.

    Only torch, which is slow to load, finds devices: a child process asks it, once there is an
    image and the choice is in view.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    advice_label : TextBlock
        For whoever shows this to lay out: it appears late, and should move nothing.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._searched = False
        self._found: list[dict[str, Any]] = []
        self._box, self._details = NameCombo(), ""
        self._box.activated.connect(lambda *_: session.set_device(self._box.currentData()))
        self.advice_label = TextBlock(1, "advice")
        self.advice_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.advice_label.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._box)
        self._child = command_line("the search for devices", self)
        self._child.reported.connect(self._take)
        self._connections = Connections()
        self._connections.add(session.image_changed, self._search)
        self._connections.add(session.device_changed, self._show)
        self._show()

    @property
    def text(self) -> str:
        """The chosen device as it is shown: its kind, its name, its free memory."""
        return f"{self._box.currentText()}; {self._details}"

    @property
    def advice(self) -> str:
        """What to do if a graphics card is not used."""
        return self.advice_label.text()

    @property
    def searched(self) -> bool:
        """Whether the search has started, or is done."""
        return self._searched

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Search when the choice is first in view: the search loads torch, which takes seconds."""
        super().showEvent(event)
        self._search()

    def _search(self) -> None:
        """Search once there is an image, and the choice is in view."""
        if self._session.image is not None and self.isVisible() and not self._searched:
            self._searched = True
            with self._session.errors_as_messages():
                self._child.start("devices", "--json")

    def close_down(self) -> None:
        """Disconnect, and end the search."""
        self._child.close()
        self._connections.close()

    def _take(self, report: dict[str, Any]) -> None:
        self._found = report["devices"]
        self.advice_label.setText(report["advice"])
        self.advice_label.setVisible(bool(report["advice"]))
        self._show()

    def _show(self) -> None:
        device = self._session.device
        items = {AUTO: "Automatic"}
        if self._found:
            items[AUTO] = f"Automatic: {_kind(self._found[0]['name'])}"
        items |= {d["name"]: _kind(d["name"]) for d in self._found}
        items.setdefault(device, _kind(device))
        self._box.blockSignals(True)
        self._box.clear()
        for name, text in items.items():
            self._box.addItem(text, name)
        self._box.setCurrentIndex(self._box.findData(device))
        self._box.blockSignals(False)
        named = [d for d in self._found if d["name"] == device] or self._found[:1]
        self._details = _details(named[0]) if named else ""
        self._box.set_about(self._details)


def _kind(name: str) -> str:
    return "Apple GPU" if name == "mps" else name.upper().replace(":", " ")


def _details(device: dict[str, Any]) -> str:
    title, free = str(device["title"]), device["free"]
    return title + ("" if free is None else f", {free / 2**30:.1f} GB free")

"""List of devices, with the free memory of the chosen one."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from napari_spatial_embeddings.plugin.qt.command_line import command_line
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.form_fields import ignore_wheel
from napari_spatial_embeddings.plugin.state.session import Session

AUTO = "auto"


class DeviceCombo(QWidget):
    """Edits the session's device, and shows what to do if a graphics card is not used.

    Only torch, which is slow to load, finds devices: a child process asks it, once there is an
    image.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._searched = False
        self._found: list[dict[str, Any]] = []
        self._box = ignore_wheel(QComboBox())
        self._box.setMinimumContentsLength(12)
        self._box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._box.activated.connect(lambda *_: session.set_device(self._box.currentData()))
        self._details = QLabel()
        self._details.setObjectName("details")
        self._advice = QLabel()
        self._advice.setWordWrap(True)
        self._advice.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._advice.setObjectName("advice")
        self._advice.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self._box, self._details, self._advice):
            layout.addWidget(widget)
        self._child = command_line("the search for devices", self)
        self._child.reported.connect(self._take)
        self._connections = Connections()
        self._connections.add(session.image_changed, self._search)
        self._connections.add(session.device_changed, self._show)
        self._show()
        self._search()

    @property
    def text(self) -> str:
        """The chosen device as it is shown: its kind, its name, its free memory."""
        return f"{self._box.currentText()}; {self._details.text()}"

    @property
    def advice(self) -> str:
        """What to do if a graphics card is not used."""
        return self._advice.text()

    def _search(self) -> None:
        """Search once there is an image."""
        if self._session.image is not None and not self._searched:
            self._searched = True
            with self._session.errors_as_messages():
                self._child.start("devices", "--json")

    def close_down(self) -> None:
        """Disconnect, and end the search."""
        self._child.close()
        self._connections.close()

    def _take(self, report: dict[str, Any]) -> None:
        self._found = report["devices"]
        self._advice.setText(report["advice"])
        self._advice.setVisible(bool(report["advice"]))
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
        self._details.setText(_details(named[0]) if named else "")
        self._details.setVisible(bool(named))


def _kind(name: str) -> str:
    return "Apple GPU" if name == "mps" else name.upper().replace(":", " ")


def _details(device: dict[str, Any]) -> str:
    title, free = str(device["title"]), device["free"]
    return title + ("" if free is None else f", {free / 2**30:.1f} GB free")

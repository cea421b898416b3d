"""Where to compute: chosen automatically, shown with its free memory, and changeable."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from napari_spatial_embeddings.plugin.qt.form_fields import calm
from napari_spatial_embeddings.plugin.qt.process import Child
from napari_spatial_embeddings.plugin.session import Session

AUTO = "auto"


class DeviceChoice(QWidget):
    """A list of devices, and what to do if a graphics card is not used.

    What there is only torch knows, which is slow to load: a child process asks it, once there is
    an image to work on, and never the window's own process.

    Parameters
    ----------
    session : Session
        Its trainings and predictions use what is chosen here.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._asked = False
        self._found: list[dict[str, Any]] = []
        self._box = calm(QComboBox())
        self._box.setMinimumContentsLength(12)
        self._box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._box.activated.connect(lambda *_: self.choose(self._box.currentData()))
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
        self._child = Child("the search for devices", self)
        self._child.said.connect(self._hear)
        session.image_changed.connect(self.look)
        session.training_settings_changed.connect(self._show)
        self._show()
        self.look()

    @property
    def device(self) -> str:
        """The chosen device, as settings call it."""
        return self._session.training_settings.device

    @property
    def text(self) -> str:
        """What is shown of the chosen device: its kind, its name, its free memory."""
        return f"{self._box.currentText()}; {self._details.text()}"

    @property
    def advice(self) -> str:
        """What to do if a graphics card is not used."""
        return self._advice.text()

    def look(self) -> None:
        """Ask what there is, if there is an image and nobody asked yet."""
        if self._session.image is not None and not self._asked:
            self._asked = True
            with self._session.speaking():
                self._child.start("devices", "--json")

    def close_down(self) -> None:
        """Let go of the session."""
        self._child.close()
        self._session.image_changed.disconnect(self.look)
        self._session.training_settings_changed.disconnect(self._show)

    def _hear(self, fact: dict[str, Any]) -> None:
        self._found = fact["devices"]
        self._advice.setText(fact["advice"])
        self._advice.setVisible(bool(fact["advice"]))
        self._show()

    def _show(self) -> None:
        items = {AUTO: "Automatic"}
        if self._found:
            items[AUTO] = f"Automatic: {_kind(self._found[0]['name'])}"
        items |= {d["name"]: _kind(d["name"]) for d in self._found}
        items.setdefault(self.device, _kind(self.device))
        self._box.blockSignals(True)
        self._box.clear()
        for name, text in items.items():
            self._box.addItem(text, name)
        self._box.setCurrentIndex(self._box.findData(self.device))
        self._box.blockSignals(False)
        named = [d for d in self._found if d["name"] == self.device] or self._found[:1]
        self._details.setText(_details(named[0]) if named else "")
        self._details.setVisible(bool(named))

    def choose(self, device: str) -> None:
        """Compute there from now on."""
        session = self._session
        session.set_training(session.training_settings.updated(device=device))
        session.set_prediction(device=device)


def _kind(name: str) -> str:
    return "Apple GPU" if name == "mps" else name.upper().replace(":", " ")


def _details(device: dict[str, Any]) -> str:
    title, free = str(device["title"]), device["free"]
    return title + ("" if free is None else f", {free / 2**30:.1f} GB free")

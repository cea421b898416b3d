"""Section that predicts: the model, the buttons that start it, its settings and progress."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.image_list import ListedImages
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.prediction import PredictionController
from napari_spatial_embeddings.plugin.qt.collapsible import Collapsible
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid
from napari_spatial_embeddings.plugin.qt.form import Form
from napari_spatial_embeddings.plugin.state.session import Session

from .model_combo import ModelCombo


class PredictSection(QWidget):
    """Starts and stops predictions.

    Parameters
    ----------
    session : Session
    images : ImageController
    listed : ListedImages
        Those that "All images" predicts.
    prediction : PredictionController

    Attributes
    ----------
    obstacle : str
        Why the current image cannot be predicted; empty if it can.
    listed : int
        How many images can be predicted as all images.
    """

    refreshed = Signal()

    def __init__(
        self,
        session: Session,
        images: ImageController,
        listed: ListedImages,
        prediction: PredictionController,
    ) -> None:
        super().__init__()
        self._session, self._listed, self._prediction = session, listed, prediction
        self._images, self.obstacle, self.listed = images, "", 0
        self.model = ModelCombo(session, "none yet", optional=False)
        self.view = QPushButton("This view")
        self.image = QPushButton("This image")
        self.all_frames = QPushButton("All frames")
        self.all_images = QPushButton("All images")
        self.stop = QPushButton("Stop")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(6)
        self._progress_text = QElidingLabel()
        self._progress_text.setElideMode(Qt.TextElideMode.ElideMiddle)
        self._running = QWidget()
        self.settings = Collapsible("Settings")
        self.form = Form(session.prediction, ("device",))
        self._lay_out()
        self._connections = Connections()
        self._connect()
        self._hide_progress()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        choice = QHBoxLayout()
        choice.addWidget(QLabel("Model"))
        choice.addWidget(self.model, 1)
        column.addLayout(choice)
        column.addLayout(EvenGrid(3, (self.view, self.image, self.all_frames, self.all_images)))
        # Its room stays: the sliders below are not to move when a preview starts.
        policy = self._running.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._running.setSizePolicy(policy)
        grid = QGridLayout(self._running)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(1)
        grid.addWidget(self._progress_text, 0, 0)
        grid.addWidget(self._bar, 1, 0)
        grid.addWidget(self.stop, 0, 1, 2, 1)
        grid.setColumnStretch(0, 1)
        column.addWidget(self._running)
        self.settings.body.addWidget(self.form)
        column.addWidget(self.settings)

    def _connect(self) -> None:
        session, prediction = self._session, self._prediction
        self.view.clicked.connect(prediction.view)
        self.image.clicked.connect(prediction.image)
        self.all_frames.clicked.connect(prediction.all_frames)
        self.all_images.clicked.connect(prediction.all_images)
        self.stop.clicked.connect(prediction.cancel)
        self.model.picked.connect(self._set_model)
        self.form.changed.connect(self._set_settings)
        self._connections.add(prediction.progressed, self._show_progress)
        self._connections.add(prediction.ended, self._hide_progress)
        self._connections.add(session.prediction_changed, self._show_settings)
        for signal in (
            session.image_changed,
            session.model_changed,
            session.project_changed,
            self._images.changed,
        ):
            self._connections.add(signal, self.refresh)

    def close_down(self) -> None:
        """Disconnect from session and controller."""
        self._connections.close()
        self.model.close_down()

    def refresh(self) -> None:
        """Enable the buttons that can be pressed; the tooltips of the others give the reason."""
        self.obstacle = reason = self._find_obstacle()
        session = self._session
        running = self._prediction.running
        series = self._images.series
        kind, image = ("image", "all of the current image")
        if series is not None:
            kind, image = "frame", f"all of frame {series.frame}"
            done = sum(record.complete for record in series.records.values())
        self.image.setText(f"This {kind}")
        self.all_frames.setVisible(series is not None)
        frames = ""
        if series is not None:
            frames = f"Predict all {series.frames} frames: this one first, then those around it."
            if 0 < done < series.frames:
                frames += f" {done} are predicted: it goes on with the others."
        for button, tooltip in (
            (self.view, f"Predict only the visible part of the {kind}: quick."),
            (self.image, f"Predict {image}."),
            (self.all_frames, frames),
        ):
            button.setEnabled(not reason and not running)
            button.setToolTip(reason or tooltip)
        self.listed, reason = len(self._listed.all()), ""
        if not self.listed:
            reason = "There is no image: open one, or add images under Data."
        elif session.model is None:
            reason = "There is no model: choose one, or train one above."
        self.all_images.setEnabled(not reason and not running)
        self.all_images.setToolTip(
            reason
            or f"Predict {plural(self.listed, 'image')}: all that Data lists, annotated or not."
            " Their labels are written into the project's folder, those of a plate into its fields."
            " After Stop, it goes on with the others."
        )
        self.refreshed.emit()

    def _find_obstacle(self) -> str:
        try:
            return self._prediction.obstacle(self.model.card())
        except InputError as error:
            return str(error)

    def defaults(self) -> ClusteringSettings:
        """Return the thresholds that suit the model.

        Raises
        ------
        InputError
            If there is no model, or it is gone.
        """
        card = self.model.card()
        if card is None:
            raise InputError("there is no model yet: choose one, or train one")
        return card.clustering

    def _set_model(self) -> None:
        with self._session.errors_as_messages():
            card = self.model.card()
            self._session.set_model(self.model.chosen, None if card is None else card.clustering)
        self.model.follow()

    def _set_settings(self) -> None:
        with self._session.errors_as_messages():
            self._session.set_prediction(**self.form.settings.model_dump())

    def _show_settings(self) -> None:
        if self.form.settings != self._session.prediction:
            self.form.set_settings(self._session.prediction)

    def _show_progress(self, done: int, total: int, message: str) -> None:
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        self._progress_text.setText(message)
        self._progress_text.setToolTip(message)
        self._running.show()
        self.refresh()

    def _hide_progress(self) -> None:
        self._running.hide()
        self.refresh()

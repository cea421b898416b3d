"""Section that predicts: the model, the buttons that start it, its settings and progress."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.image_list import ListedImages
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.large.prediction import LargePrediction
from napari_spatial_embeddings.plugin.controllers.prediction import PredictionController
from napari_spatial_embeddings.plugin.controllers.proposing.object_size import SizeController
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid
from napari_spatial_embeddings.plugin.state.session import Session

from .model_combo import ModelCombo
from .prediction.again import AgainNote
from .prediction.large import LargeProgressRow
from .prediction.progress_row import ProgressRow
from .prediction.settings import PredictSettings
from .sizes.row import SizeRow


class PredictSection(QWidget):
    """Starts and stops predictions.

    Parameters
    ----------
    session : Session
    images : ImageController
    listed : ListedImages
        Those that "All images" predicts.
    prediction : PredictionController
    large : LargePrediction
    size : SizeController

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
        large: LargePrediction,
        size: SizeController,
    ) -> None:
        super().__init__()
        self._session, self._listed, self._prediction = session, listed, prediction
        self._images, self._large = images, large
        self.obstacle, self.listed = "", 0
        self.model = ModelCombo(session, "none yet", optional=False)
        self.size_row = SizeRow(session, size)
        self.view = QPushButton("This view")
        self.image = QPushButton("This image")
        self.all_frames = QPushButton("All frames")
        self.all_images = QPushButton("All images")
        self._running = ProgressRow("Stop")
        self.stop = self._running.button
        self.again = AgainNote(session)
        self.whole = LargeProgressRow(large)
        self.settings = PredictSettings(session, large)
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
        column.addWidget(self.size_row)
        column.addLayout(EvenGrid(3, (self.view, self.image, self.all_frames, self.all_images)))
        # One place for both: the sliders below are not to move when a preview starts.
        self._place = QStackedLayout()
        column.addLayout(self._place)  # first: without a window, it would open one for each
        self._place.addWidget(self.again)
        self._place.addWidget(self._running)
        column.addWidget(self.whole)
        column.addWidget(self.settings)

    def _connect(self) -> None:
        session, prediction = self._session, self._prediction
        self.view.clicked.connect(prediction.view)
        self.image.clicked.connect(self._predict_image)
        self.all_frames.clicked.connect(prediction.all_frames)
        self.all_images.clicked.connect(prediction.all_images)
        self.stop.clicked.connect(prediction.cancel)
        self.model.picked.connect(self._set_model)
        self._connections.add(prediction.progressed, self._show_progress)
        self._connections.add(prediction.ended, self._hide_progress)
        for signal in (
            session.image_changed,
            session.model_changed,
            session.project_changed,
            self._images.changed,
            self._large.changed,
            self._large.ended,
        ):
            self._connections.add(signal, self.refresh)

    def close_down(self) -> None:
        """Disconnect from session and controller."""
        self._connections.close()
        self.model.close_down()
        self.again.close_down()
        self.size_row.close_down()
        self.settings.close_down()
        self.whole.close_down()

    def _predict_image(self) -> None:
        if self._large.applies:
            self._large.start()
        else:
            self._prediction.image()

    @property
    def by_blocks(self) -> bool:
        """Whether all of the current image is predicted block by block."""
        return self._large.applies

    @property
    def image_button(self) -> str:
        """Text of the button that predicts all of an image."""
        if self._large.applies:
            return "Whole image"
        return "This image" if self._images.series is None else "This frame"

    def refresh(self, *_: object) -> None:
        """Enable the buttons that can be pressed; the tooltips of the others give the reason."""
        self.obstacle = reason = self._find_obstacle()
        self.size_row.refresh(reason)
        session = self._session
        running = self._prediction.running
        series = self._images.series
        kind, image = ("image", "all of the current image")
        if series is not None:
            kind, image = "frame", f"all of frame {series.frame}"
            done = sum(record.complete for record in series.records.values())
        self.image.setText(self.image_button)
        if self._large.applies:
            image = (
                "the whole image block by block, in the background, into a file. It can be stopped"
                " and gone on with, also later"
            )
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
        if self._large.applies:
            self.image.setEnabled(not reason and not self._large.running)
        self.listed, reason = len(self._listed.all()), ""
        if not self.listed:
            reason = "There is no image: open one, or add images under Data."
        elif session.model is None:
            reason = "There is no model: choose one, or train one above."
        self.all_images.setEnabled(not reason and not running)
        self.all_images.setToolTip(
            reason
            or f"Predict {plural(self.listed, 'image')}: all that Data lists, annotated or not."
            " Their labels are written into the project's folder, those of a plate into its fields;"
            " large ones are done block by block. After Stop, it goes on with the others."
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

    def _show_progress(self, done: int, total: int, message: str) -> None:
        self._running.show_progress(done, total, message)
        self._place.setCurrentWidget(self._running)
        self.refresh()

    def _hide_progress(self) -> None:
        self._place.setCurrentWidget(self.again)
        self.refresh()

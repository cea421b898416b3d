"""Size of the objects in the images to predict: found by a search, or dragged as a circle."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.registry import find_folder
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.prediction import PredictionController
from napari_spatial_embeddings.plugin.layers.overlays.size_circle import SizeCircle
from napari_spatial_embeddings.plugin.layers.viewport import visible_box
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.open_image import Box, OpenImage
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari.utils.events import Event

    from napari_spatial_embeddings.plugin.tasks.proposing.sizes import SizeSearch


class SizeController(QObject):
    """Finds the size of the objects in the current image, and shows it as a circle.

    The size is the session's, and so that of all images: `PredictionSettings.object_diameter`.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    prediction : PredictionController

    Attributes
    ----------
    circled : bool
        Whether the circle is shown.
    """

    changed = Signal()
    """A search started or ended, or the circle is shown or not."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        prediction: PredictionController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._images, self._prediction = images, prediction
        self.circled = False
        self._circle = SizeCircle(viewer, self.set_diameter)
        self._worker: Worker | None = None
        self._image: OpenImage | None = None
        self._connections = Connections()
        self._connections.add(session.image_changed, self._follow_image)
        self._connections.add(session.model_changed, self._follow_model)
        self._connections.add(session.prediction_changed, self._draw)
        self._connections.add(viewer.layers.events.removed, self._removed, position="last")

    def close(self) -> None:
        """Search no more, and remove the circle."""
        self._connections.close()
        self._stop()
        self.circled = False
        self._circle.clear()

    @property
    def busy(self) -> bool:
        """Whether a size is being searched."""
        return self._worker is not None

    # --------------------------------------------------------------------- size

    @property
    def diameter(self) -> float | None:
        """Diameter of the objects in the current image, in pixels of its finest axis.

        As it is set; else as the model knows them. None without an image or a model.
        """
        card, image = self._card(), self._session.current
        if image is None or card is None or self._images.problem:
            return None
        known = self._images.image_data()
        own = self._session.prediction.object_diameter
        return own or card.diameter_at(known.pixel_size, known.unit) or card.diameter

    def set_diameter(self, diameter: float | None) -> None:
        """Set the size of the objects in all images; None if it is as the model knows it."""
        if diameter != self._session.prediction.object_diameter:
            with self._session.errors_as_messages():
                self._session.set_prediction(object_diameter=diameter)

    def find(self) -> None:
        """Search the size of the objects where one looks in the current image, and set it.

        Some of the other images are searched as well: if they agree, it is that of all.
        """
        from napari_spatial_embeddings.plugin.tasks.predict import COMPILING, compiling_reported
        from napari_spatial_embeddings.plugin.tasks.proposing.sizes import find_size

        session = self._session
        with session.errors_as_messages():
            if problem := self._prediction.obstacle(self._card()):
                raise InputError(problem)
            record, model = session.current, session.model
            assert record is not None
            assert model is not None
            image, box = self._images.image_data(), self._seen()
            at = None if box is None else tuple((p.start + p.stop) // 2 for p in box)
            seen = image, at, self._images.scale(image)
            how = session.clustering, session.device, *seen, self._prediction.listed.readers()
            models = self._prediction.models
            self._stop()
            self._image = record
            around = partial(compiling_reported, COMPILING)
            self._worker = worker = Worker(lambda: find_size(models, model, *how), self, around)
            worker.reported.connect(self._report)
            worker.ended.connect(self._end)
            worker.failed.connect(self._fail)
            session.say("Looking for the size of the objects …", holds=lambda: self.busy)
            worker.start()
            self.changed.emit()

    def cancel(self) -> None:
        """Search no more."""
        self._stop()
        self.changed.emit()

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            self._worker = self._image = None

    # ------------------------------------------------------------------- search

    def _report(self, report: SizeSearch | str) -> None:
        if self.sender() is self._worker:
            done = report if isinstance(report, str) else f"{report.done} of {report.total} sizes"
            self._session.say(
                f"Looking for the size of the objects: {done} …", holds=lambda: self.busy
            )

    def _end(self, report: SizeSearch | None) -> None:
        if self.sender() is not self._worker:
            return
        self._worker = self._image = None
        if report is None or report.diameter is None:
            self._session.say(
                "The model finds no objects here at any size: drag the circle to the size of one,"
                " or choose another model",
                "warning",
            )
        else:
            self.set_diameter(report.diameter)
            self._session.say(_sentence(report))
        self.circle(True)
        self.changed.emit()

    def _fail(self, problem: str) -> None:
        if self.sender() is self._worker:
            self._worker = self._image = None
            self._session.say(problem, "error")
            self.changed.emit()

    # ------------------------------------------------------------------- circle

    def circle(self, shown: bool) -> None:
        """Show the size as a circle that can be dragged, or hide it."""
        if shown and self.diameter is None:
            shown = False
        self.circled = shown
        self._draw()
        if shown:
            self._circle.take_mouse()
        elif self._circle.active and self._images.layer is not None:
            self._viewer.layers.selection.active = self._images.layer
        self.changed.emit()

    def _draw(self) -> None:
        record, diameter = self._session.current, self.diameter
        if not self.circled or record is None or diameter is None:
            self._circle.hide()
            return
        spacing = self._images.image_data().spacing
        self._circle.show(record.key, diameter, spacing, self._seen())

    def _seen(self) -> Box | None:
        """Return what is seen of the current image; None if nothing is."""
        layer = self._images.layer
        if layer is None:
            return None
        try:
            return visible_box(self._viewer, layer, self._images.axes)
        except InputError:
            return None

    # ---------------------------------------------------------------- following

    def _card(self) -> ModelCard | None:
        model = self._session.model
        try:
            return None if model is None else ModelCard.read(find_folder(model))
        except InputError:
            return None

    def _follow_image(self) -> None:
        if self._image is not None and self._session.current is not self._image:
            self.cancel()
        self._draw()

    def _follow_model(self) -> None:
        if self.busy:
            self.cancel()
        self._draw()

    def _removed(self, event: Event) -> None:
        """Show no circle any more where the user removed it."""
        if self.circled and self._circle.is_mine(event.value):
            self.circled = False
            self.changed.emit()


def _sentence(found: SizeSearch) -> str:
    """Return what was found, and what may be done with it."""
    where = f" of {found.images} images" if found.images > 1 else " here" if found.differ else ""
    text = f"The objects{where} seem to be about {found.diameter:.0f} pixels wide"
    if found.differ:
        text += ", and those of other images not: `predict --find-diameter` finds a size for each"
    return (
        f"{text}; drag the circle if it is not as large as they are; predict again to see what"
        " the model finds"
    )

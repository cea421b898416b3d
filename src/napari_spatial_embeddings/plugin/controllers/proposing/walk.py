"""A walk along a queue: the image and the place of what is proposed come into view one by one."""

from __future__ import annotations

from typing import Generic

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.layers.overlays.proposed_region import ProposedOutline
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session

from .annotated_results import images_to_search
from .queue import Item, ProposalQueue


class QueueWalk(QObject, Generic[Item]):
    """Shows what a queue holds, one after the other, and waits for it while it is filled.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    queue : ProposalQueue
    outline : ProposedOutline

    Attributes
    ----------
    item : optional
        What was shown last.
    """

    changed = Signal()
    """Something else is shown, or what can be done is something else."""

    no_result = ""
    """What is to be done first where nothing is predicted, as a sentence."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        queue: ProposalQueue[Item],
        outline: ProposedOutline,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._images = viewer, session, images
        self._queue, self._outline = queue, outline
        queue.setParent(self)
        self.item: Item | None = None
        self._waiting = False
        queue.grown.connect(self._follow_queue)
        self._connections = Connections()
        self._connections.add(session.project_changed, self._follow)
        self._connections.add(session.result_changed, self._follow)
        self._connections.add(session.image_changed, self._follow)
        self._connections.add(images.changed, self._follow)

    def close(self) -> None:
        """Search no more, and remove the outline."""
        self._connections.close()
        self._queue.close()
        self._outline.clear()

    # ------------------------------------------------------------------ queries

    @property
    def busy(self) -> bool:
        """Whether results are being searched."""
        return self._queue.busy

    @property
    def problem(self) -> str:
        """Why there is nothing to go to; empty if there may be something."""
        return "" if self._session.results else self.no_result

    @property
    def text(self) -> str:
        """What is shown, as a sentence."""
        raise NotImplementedError

    @property
    def in_view(self) -> bool:
        """Whether what is shown lies in the current image."""
        return self.item is not None and self.item.image == self._session.image

    @property
    def _record(self) -> OpenImage | None:
        """The image of what is shown."""
        return None if self.item is None else self._session.images.get(self.item.image)

    @property
    def _looking(self) -> str:
        """How far the search has come, as a sentence; empty if it is not waited for."""
        done, total = self._queue.progress
        progress = f"Looking for unsure objects: {done} of {plural(total, 'image')} …"
        return progress if self._waiting else ""

    @property
    def _elsewhere(self) -> str:
        """Name of the image of what is shown; empty if it is the current one."""
        record = self._record
        if record is None or self.in_view:
            return ""
        return str(record.layer.name if record.image is None else record.image.name)

    # --------------------------------------------------------------------- ways

    def _go_on(self) -> None:
        """Show what comes next; search for it, if there are other results since."""
        queue = self._queue
        if queue.has_next and not queue.outdated:
            self._show(queue.at + 1)
            return
        if queue.outdated or not queue.busy:
            queue.search(images_to_search(self._viewer, self._session))
        self._waiting = True
        self.changed.emit()

    def _show(self, at: int) -> None:
        """Go to what has a place in the queue."""
        raise NotImplementedError

    def _bring(self, at: int, record: OpenImage) -> None:
        """Take something from the queue, and bring its image into view."""
        self._queue.at, self.item = at, self._queue.order[at]
        if not self.in_view:
            self._images.choose(record.layer)
            if record.series is not None:
                self._images.show_frame(record.frame)

    def _ended(self) -> None:
        """Show nothing any more: all was shown."""
        self.item = None
        self._outline.hide()

    # ---------------------------------------------------------------- following

    def _follow_queue(self) -> None:
        """Show what comes next, if it is waited for."""
        if self._waiting and self._queue.has_next:
            self._waiting = False
            with self._session.errors_as_messages():
                self._show(self._queue.at + 1)
        elif self._waiting and not self._queue.busy:
            self._waiting = False
            self._ended()
        self.changed.emit()

    def _follow(self, *_: object) -> None:
        """Outline what is shown while its image is the current one."""
        results = self._session.results
        self._waiting &= bool(results)
        if self.item is not None and self.item.image not in results:
            self.item = None
        if self.item is None or not self.in_view:
            self._outline.hide()
        else:
            self._outline_again(self.item)
        self.changed.emit()

    def _outline_again(self, item: Item) -> None:
        """Outline what is shown, whose image is the current one."""
        raise NotImplementedError

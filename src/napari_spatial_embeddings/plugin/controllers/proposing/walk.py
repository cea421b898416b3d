"""A walk along a queue: the image and the place of what is proposed come into view one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.layers.overlays.proposed_region import ProposedOutline
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.open_image import Box, OpenImage
from napari_spatial_embeddings.plugin.state.session import Session

from .annotated_results import images_to_search
from .queue import Item, ProposalQueue

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation


class QueueWalk(QObject, Generic[Item]):
    """Shows what a queue holds, one after the other, and waits for it while it is filled.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    queue : ProposalQueue
    outline : ProposedOutline
    noun : str
        What is shown.
    box : callable
        Returns the box of something in its image's result; None if it is gone.
    share : float
        Share of the canvas that a box takes at most.
    done : callable, optional
        Returns whether something is left out on the way on, and shown on the way back only.

    Attributes
    ----------
    queue : ProposalQueue
    item : optional
        What was shown last.
    """

    changed = Signal()
    """Something else is shown, or what can be done is something else."""
    shown = Signal()
    """The image of what is shown is in view."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        queue: ProposalQueue[Item],
        outline: ProposedOutline,
        noun: str,
        box: Callable[[Item, Segmentation], Box | None],
        share: float = 0.5,
        done: Callable[[Item], bool] = lambda _item: False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._images = viewer, session, images
        self._outline, self._noun, self._share = outline, noun, share
        self._box_in, self._done = box, done
        self.queue = queue
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
        self.queue.close()
        self._outline.clear()

    # ------------------------------------------------------------------ queries

    @property
    def on(self) -> bool:
        """Whether something is shown, or waited for."""
        return self._waiting or self.item is not None

    @property
    def in_view(self) -> bool:
        """Whether what is shown lies in the current image."""
        return self.item is not None and self.item.image == self._session.image

    @property
    def looking(self) -> str:
        """How far the search has come, as a sentence; empty if it is not waited for."""
        done, total = self.queue.progress
        progress = f"Looking for unsure objects: {done} of {plural(total, 'image')} …"
        return progress if self._waiting else ""

    @property
    def record(self) -> OpenImage | None:
        """The image of what is shown."""
        return None if self.item is None else self._session.images.get(self.item.image)

    @property
    def elsewhere(self) -> str:
        """Name of the image of what is shown; empty if it is the current one."""
        record = self.record
        if record is None or self.in_view:
            return ""
        return str(record.layer.name if record.image is None else record.image.name)

    @property
    def problem_shown(self) -> str:
        """Why there is nothing to go on from; empty if something is shown."""
        return f"No {self._noun} is shown: press Next first." if self.item is None else ""

    @property
    def problem_here(self) -> str:
        """Why nothing can be decided; empty if something can."""
        elsewhere = f"The {self._noun} is in another image: Back or Next goes on."
        return self.problem_shown or ("" if self.in_view else elsewhere)

    @property
    def problem_back(self) -> str:
        """Why there is nothing to go back to; empty if there is."""
        first = f"This is the first {self._noun}."
        return self.problem_shown or (first if self._before() is None else "")

    def box(self, item: Item) -> Box | None:
        """Return the box of something; None if it is gone."""
        result = self._session.results.get(item.image)
        return None if result is None else self._box_in(item, result)

    def _before(self) -> int | None:
        """Return the place of what comes before what is shown; None if nothing does."""
        order = self.queue.order
        places = reversed(range(self.queue.at))
        return next((at for at in places if self.box(order[at]) is not None), None)

    # --------------------------------------------------------------------- ways

    def next(self) -> None:
        """Show what comes next; search for it, if there are other results since."""
        queue = self.queue
        if (at := self._after()) is not None and not queue.outdated:
            self.show(at)
            return
        if queue.outdated or not queue.busy:
            queue.search(images_to_search(self._viewer, self._session))
        self._waiting = True
        self.changed.emit()

    def back(self) -> None:
        """Show what comes before.

        Raises
        ------
        InputError
            If nothing does.
        """
        at = self._before()
        if self.problem_back or at is None:
            raise InputError(self.problem_back)
        self.show(at)

    def show(self, at: int) -> None:
        """Bring what has a place in the queue, and is not gone, into view."""
        self.queue.at, self.item, self._waiting = at, self.queue.order[at], False
        box, record = self.box(self.item), self._session.images[self.item.image]
        assert box is not None
        if not self.in_view:
            self._images.choose(record.layer)
            if record.series is not None:
                self._images.show_frame(record.frame)
        self.shown.emit()
        self._outline.show(self.item.image, box)
        self._outline.look(box, self._share)
        self.changed.emit()

    def stop(self) -> None:
        """Show nothing any more, and wait for nothing."""
        self.item, self._waiting = None, False
        self._outline.hide()
        self.changed.emit()

    def _after(self) -> int | None:
        """Return the place of what comes next; None if nothing does yet."""
        order = self.queue.order
        for at in range(self.queue.at + 1, len(order)):
            if self.box(order[at]) is not None and not self._done(order[at]):
                return at
        return None

    # ---------------------------------------------------------------- following

    def _follow_queue(self) -> None:
        """Show what comes next, if it is waited for."""
        at = self._after() if self._waiting else None
        if at is not None:
            with self._session.errors_as_messages():
                self.show(at)
        elif self._waiting and not self.queue.busy:
            self.stop()
        self.changed.emit()

    def _follow(self, *_: object) -> None:
        """Outline what is shown while its image is the current one."""
        results = self._session.results
        self._waiting &= bool(results)
        if self.item is not None and self.item.image not in results:
            self.item = None
        box = None if self.item is None or not self.in_view else self.box(self.item)
        if self.item is None or box is None:
            self._outline.hide()
        else:
            self._outline.show(self.item.image, box)
        self.changed.emit()

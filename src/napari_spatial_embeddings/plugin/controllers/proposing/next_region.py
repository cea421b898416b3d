"""Regions to annotate next: shown one by one, accepted, completed or passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.text import listed, plural, sentence
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.tools.object_import import ObjectImport
from napari_spatial_embeddings.plugin.layers.annotation import regions_of_box
from napari_spatial_embeddings.plugin.layers.overlays.proposed_region import ProposedOutline
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

from .annotated_results import annotation_of, images_to_search, touches
from .region_queue import RegionQueue

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.proposed_regions import ProposedRegion

NO_RESULT = "Predict an image first: then Next shows where annotation helps most."
AT_FIRST = "Next shows where one more annotation is expected to help most."
NO_REGION = "Press Next first: it shows a region."
FIRST_REGION = "This is the first region."


class NextRegion(QObject):
    """Shows the regions in which annotation is expected to help most, one after the other.

    A region is only outlined at first: it becomes a complete one when its objects are accepted, or
    when the user goes on and all that was found in it is annotated.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    actions : AnnotationActions
    imports : ObjectImport

    Attributes
    ----------
    region : ProposedRegion, optional
        The one that was shown last.
    """

    changed = Signal()
    """Another region is shown, or what can be done is something else."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        actions: AnnotationActions,
        imports: ObjectImport,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._images = viewer, session, images
        self._actions, self._imports = actions, imports
        self._outline = ProposedOutline(viewer)
        self.region: ProposedRegion | None = None
        self._waiting = False
        self._queue = RegionQueue(session, self)
        self._queue.grown.connect(self._follow_queue)
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
        """Whether regions are being looked for."""
        return self._queue.busy

    @property
    def problem(self) -> str:
        """Why there is no region to go to; empty if there may be one."""
        return "" if self._session.results else NO_RESULT

    @property
    def problem_shown(self) -> str:
        """Why no region can be skipped; empty if one is shown."""
        return NO_REGION if self.region is None else ""

    @property
    def problem_here(self) -> str:
        """Why nothing can be accepted; empty if something can."""
        elsewhere = "" if self.in_view else "The region is in another image: Back or Next goes on."
        return self.problem_shown or elsewhere

    @property
    def problem_back(self) -> str:
        """Why there is no region to go back to; empty if there is one."""
        return self.problem_shown or ("" if self._queue.at > 0 else FIRST_REGION)

    @property
    def in_view(self) -> bool:
        """Whether the region lies in the current image."""
        return self.region is not None and self.region.image == self._session.image

    @property
    def text(self) -> str:
        """Which region is shown, and what is in it, as a sentence."""
        if self._waiting:
            done, total = self._queue.progress
            return f"Looking for unsure objects: {done} of {plural(total, 'image')} …"
        if self.problem:
            return self.problem
        if self.region is None:
            return self._queue.nothing or AT_FIRST
        which = f"Region {self._queue.at + 1} of {len(self._queue.order)}"
        record = self._session.images.get(self.region.image)
        if record is not None and not self.in_view:
            name = record.layer.name if record.image is None else record.image.name
            return f"{which} is in {name}."
        if record is not None and touches(self.region.box, annotation_of(self._viewer, record)[1]):
            return f"{which}: complete."
        unsure, nearly = self.region.unsure, self.region.nearly
        parts = [plural(unsure, "unsure object")] if unsure else []
        if nearly:
            parts.append(f"{nearly if parts else plural(nearly, 'object')} nearly found")
        return sentence(f"{which}: {listed(parts)}")

    # ------------------------------------------------------------------ actions

    def next(self) -> None:
        """Go to the next region; the one before is complete if all that was found is annotated.

        Raises
        ------
        InputError
            If nothing is predicted.
        """
        if self.problem:
            raise InputError(self.problem)
        self._finish()
        self._go_on()

    def skip(self) -> None:
        """Go to the next region, whatever is annotated in this one.

        Raises
        ------
        InputError
            If no region is shown.
        """
        if self.region is None:
            raise InputError(self.problem_shown)
        self._queue.pass_over(self.region)
        self._go_on()

    def back(self) -> None:
        """Go to the region before.

        Raises
        ------
        InputError
            If there is none.
        """
        if self.problem_back:
            raise InputError(self.problem_back)
        self._show(self._queue.at - 1)

    def accept(self) -> None:
        """Add the objects that were found in the region to the annotations; it is complete then.

        Raises
        ------
        InputError
            If no region is in view, or all that was found in it is annotated already.
        """
        region, record = self.region, self._session.current
        if self.problem_here or region is None or record is None or record.result is None:
            raise InputError(self.problem_here or NO_RESULT)
        labels, regions = annotation_of(self._viewer, record)
        if not touches(region.box, regions):
            self._actions.add_region(region.box)
        found = record.result.instances.labels[region.box] > 0
        if (found if labels is None else found & (labels[region.box] == 0)).any():
            self._imports.use_regions(regions_of_box(region.box))
        else:
            self._session.say("The region is complete: there was nothing to add.")
        self.changed.emit()

    def _finish(self) -> None:
        """Mark the region as complete, if it is; else it is passed over."""
        region, record = self.region, self._session.current
        if region is None or record is None or record.result is None or not self.in_view:
            return
        labels, regions = annotation_of(self._viewer, record)
        if touches(region.box, regions):
            return
        if labels is None or not labels[region.box].any():
            self._queue.pass_over(region)
            return
        found = record.result.instances.labels[region.box]
        size = np.bincount(found.ravel())
        free = np.bincount(found[labels[region.box] == 0], minlength=len(size))
        missing = int((2 * free > size)[1:].sum())
        if not missing:
            self._actions.add_region(region.box)
            return
        self._queue.pass_over(region)
        which = "object found in it is" if missing == 1 else "objects found in it are"
        self._session.say(
            f"The region before is not complete: {missing} {which} not annotated. Back goes there.",
            "warning",
        )

    def _go_on(self) -> None:
        queue = self._queue
        if queue.has_next and not queue.outdated:
            self._show(queue.at + 1)
            return
        if queue.outdated or not queue.busy:
            queue.search(images_to_search(self._viewer, self._session))
        self._waiting = True
        self.changed.emit()

    def _show(self, at: int) -> None:
        """Go to a region of the queue, and outline it."""
        region = self._queue.order[at]
        record = self._session.images.get(region.image)
        if record is None or record.result is None:
            self._queue.drop(at)
            self._go_on()
            return
        self._queue.at, self.region = at, region
        if not self.in_view:
            self._images.choose(record.layer)
            if record.series is not None:
                self._images.show_frame(record.frame)
        self._outline.show(region.image, region.box)
        self._outline.look(region.box)
        self.changed.emit()

    # ---------------------------------------------------------------- following

    def _follow_queue(self) -> None:
        """Show the next region, if it is waited for; nothing if there is none."""
        if self._waiting and self._queue.has_next:
            self._waiting = False
            with self._session.errors_as_messages():
                self._show(self._queue.at + 1)
        elif self._waiting and not self._queue.busy:
            self._waiting, self.region = False, None
            self._outline.hide()
        self.changed.emit()

    def _follow(self, *_: object) -> None:
        """Outline the region while its image is the current one."""
        region, results = self.region, self._session.results
        self._waiting &= bool(results)
        if region is not None and region.image not in results:
            self.region = region = None
        if region is None or not self.in_view:
            self._outline.hide()
        else:
            self._outline.show(region.image, region.box)
        self.changed.emit()

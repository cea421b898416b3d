"""Regions to annotate next: shown one by one, accepted, completed or passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import QObject

from napari_spatial_embeddings.core.text import listed, plural, sentence
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.tools.object_import import ObjectImport
from napari_spatial_embeddings.plugin.layers.annotation import regions_of_box
from napari_spatial_embeddings.plugin.layers.overlays.proposed_region import ProposedOutline
from napari_spatial_embeddings.plugin.state.session import Session

from .annotated_results import annotation_of, touches
from .region_queue import RegionQueue
from .walk import QueueWalk

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.proposed_regions import ProposedRegion

NO_RESULT = "Predict an image first: then Next shows where annotation helps most."
AT_FIRST = "Next shows where one more annotation is expected to help most."
NO_REGION = "Press Next first: it shows a region."
FIRST_REGION = "This is the first region."


class NextRegion(QueueWalk["ProposedRegion"]):
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
    """

    no_result = NO_RESULT

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        actions: AnnotationActions,
        imports: ObjectImport,
        parent: QObject | None = None,
    ) -> None:
        outline = ProposedOutline(viewer)
        super().__init__(viewer, session, images, RegionQueue(session), outline, parent)
        self._actions, self._imports = actions, imports

    # ------------------------------------------------------------------ queries

    @property
    def region(self) -> ProposedRegion | None:
        """The region that was shown last."""
        return self.item

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
    def text(self) -> str:
        """Which region is shown, and what is in it, as a sentence."""
        if self._looking or self.problem:
            return self._looking or self.problem
        if self.region is None:
            return self._queue.nothing or AT_FIRST
        which = f"Region {self._queue.at + 1} of {len(self._queue.order)}"
        if self._elsewhere:
            return f"{which} is in {self._elsewhere}."
        record = self._record
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

    def _show(self, at: int) -> None:
        """Go to a region of the queue, and outline it."""
        region = self._queue.order[at]
        record = self._session.images.get(region.image)
        if record is None or record.result is None:
            self._queue.drop(at)
            self._go_on()
            return
        self._bring(at, record)
        self._outline.show(region.image, region.box)
        self._outline.look(region.box)
        self.changed.emit()

    def _outline_again(self, item: ProposedRegion) -> None:
        self._outline.show(item.image, item.box)

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
from napari_spatial_embeddings.plugin.tasks.proposing.regions import regions_of_image

from .annotated_results import annotation_of, touches
from .queue import ProposalQueue
from .walk import QueueWalk

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.proposed_regions import ProposedRegion

NO_RESULT = "Predict an image first: then Next shows where annotation helps most."
AT_FIRST = "Next shows where one more annotation is expected to help most."
ALL_SHOWN = "All regions were shown. Train, or predict again, for new ones."


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
    walk : QueueWalk
        Along the regions, of which those come first that are diverse.
    """

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
        self._viewer, self._session = viewer, session
        self._actions, self._imports = actions, imports
        queue = ProposalQueue(session, regions_of_image, _ranked, ALL_SHOWN)
        outline, box = ProposedOutline(viewer), lambda region, _result: region.box
        self.walk = QueueWalk(viewer, session, images, queue, outline, "region", box, parent=self)

    def close(self) -> None:
        """Search no more, and remove the outline."""
        self.walk.close()

    # ------------------------------------------------------------------ queries

    @property
    def busy(self) -> bool:
        """Whether results are being searched."""
        return self.walk.queue.busy

    @property
    def region(self) -> ProposedRegion | None:
        """The region that was shown last."""
        return self.walk.item

    @property
    def problem(self) -> str:
        """Why there is no region to go to; empty if there may be one."""
        return "" if self._session.results else NO_RESULT

    @property
    def text(self) -> str:
        """Which region is shown, and what is in it, as a sentence."""
        walk, queue, region = self.walk, self.walk.queue, self.region
        if walk.looking or self.problem:
            return walk.looking or self.problem
        if region is None:
            return queue.nothing or AT_FIRST
        which = f"Region {queue.at + 1} of {len(queue.order)}"
        if walk.elsewhere:
            return f"{which} is in {walk.elsewhere}."
        record = walk.record
        if record is not None and touches(region.box, annotation_of(self._viewer, record)[1]):
            return f"{which}: complete."
        parts = [plural(region.unsure, "unsure object")] if region.unsure else []
        if nearly := region.nearly:
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
        self.walk.next()

    def skip(self) -> None:
        """Go to the next region, whatever is annotated in this one.

        Raises
        ------
        InputError
            If no region is shown.
        """
        if self.region is None:
            raise InputError(self.walk.problem_shown)
        self.walk.queue.pass_over(self.region)
        self.walk.next()

    def accept(self) -> None:
        """Add the objects that were found in the region to the annotations; it is complete then.

        Raises
        ------
        InputError
            If no region is in view, or all that was found in it is annotated already.
        """
        region, record = self.region, self._session.current
        if self.walk.problem_here or region is None or record is None or record.result is None:
            raise InputError(self.walk.problem_here or NO_RESULT)
        labels, regions = annotation_of(self._viewer, record)
        if not touches(region.box, regions):
            self._actions.add_region(region.box)
        found = record.result.instances.labels[region.box] > 0
        if (found if labels is None else found & (labels[region.box] == 0)).any():
            self._imports.use_regions(regions_of_box(region.box))
        else:
            self._session.say("The region is complete: there was nothing to add.")
        self.walk.changed.emit()

    def _finish(self) -> None:
        """Mark the region as complete, if it is; else it is passed over."""
        region, record = self.region, self._session.current
        if region is None or record is None or record.result is None or not self.walk.in_view:
            return
        labels, regions = annotation_of(self._viewer, record)
        if touches(region.box, regions):
            return
        if labels is None or not labels[region.box].any():
            self.walk.queue.pass_over(region)
            return
        found = record.result.instances.labels[region.box]
        size = np.bincount(found.ravel())
        free = np.bincount(found[labels[region.box] == 0], minlength=len(size))
        missing = int((2 * free > size)[1:].sum())
        if not missing:
            self._actions.add_region(region.box)
            return
        self.walk.queue.pass_over(region)
        which = "object found in it is" if missing == 1 else "objects found in it are"
        self._session.say(
            f"The region before is not complete: {missing} {which} not annotated. Back goes there.",
            "warning",
        )


def _ranked(
    every: list[ProposedRegion],
    taken: list[ProposedRegion],
    passed: list[ProposedRegion],
    first: str,
) -> list[ProposedRegion]:
    from napari_spatial_embeddings.editing.proposed_regions import IN_ALL, ranked

    first = "" if taken else first
    return ranked(every, first, [*taken, *passed], IN_ALL - len(taken))

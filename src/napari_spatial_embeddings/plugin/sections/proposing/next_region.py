"""The buttons that go from one region to annotate to the next, and what is in the one in view."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_spatial_embeddings.plugin.controllers.proposing.next_region import NextRegion
from napari_spatial_embeddings.plugin.state.session import Session

from .row import QueueButton, QueueRow

NEXT = """Go to the region where annotation is expected to help most: that of the most unsure
objects. The region before is marked as complete if all that was found in it is annotated.
Key: Shift+G."""

ACCEPT = """Copy all objects found in the outlined region into the annotations, and mark the
region as complete. Correct them before, or mend them afterwards with Draw and Erase.
Key: Shift+A."""

SKIP = "Go to the next region, and leave this one as it is.\nKey: Shift+S."

BACK = "Go to the region before."


class NextRegionRow(QueueRow):
    """Next, accept, skip and back.

    Parameters
    ----------
    session : Session
    next_region : NextRegion
    """

    def __init__(
        self, session: Session, next_region: NextRegion, parent: QWidget | None = None
    ) -> None:
        walk = next_region.walk
        buttons = (
            QueueButton("Next", NEXT, next_region.next, lambda: next_region.problem),
            QueueButton("Accept", ACCEPT, next_region.accept, lambda: walk.problem_here),
            QueueButton("Skip", SKIP, next_region.skip, lambda: walk.problem_shown),
            QueueButton("Back", BACK, walk.back, lambda: walk.problem_back),
        )
        super().__init__(session, walk.changed, lambda: next_region.text, buttons, parent)

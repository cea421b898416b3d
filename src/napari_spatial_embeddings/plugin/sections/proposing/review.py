"""The buttons that go from one object to review to the next, and what there is to know of it."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_spatial_embeddings.plugin.controllers.proposing.review import ObjectReview
from napari_spatial_embeddings.plugin.state.session import Session

from .row import QueueButton, QueueRow

NEXT = """Review the objects one by one, the least sure first; the one that is shown stays as it
is. Keys: Shift+K, or G while the layer of instances is active. Esc leaves the review."""

RIGHT = "Lock the object as it is, and go to the next one.\nKey: K."

WRONG = "Delete the object, and go to the next one.\nKey: D; Ctrl+Z takes it back."

BACK = "Go to the object before.\nKey: B."


class ReviewRow(QueueRow):
    """Next, right, wrong and back.

    Parameters
    ----------
    session : Session
    review : ObjectReview
    """

    def __init__(
        self, session: Session, review: ObjectReview, parent: QWidget | None = None
    ) -> None:
        walk = review.walk
        buttons = (
            QueueButton("Next", NEXT, review.next, lambda: review.problem),
            QueueButton("Right", RIGHT, review.accept, lambda: walk.problem_here),
            QueueButton("Wrong", WRONG, review.reject, lambda: walk.problem_here),
            QueueButton("Back", BACK, review.back, lambda: walk.problem_back),
        )
        super().__init__(session, walk.changed, lambda: review.text, buttons, parent)

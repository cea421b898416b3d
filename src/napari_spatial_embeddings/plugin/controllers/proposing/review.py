"""Review of objects one by one, from the least sure: right, wrong, to be split or merged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.correction import CorrectionController
from napari_spatial_embeddings.plugin.controllers.correction_tool import CorrectionTool
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.layers.overlays.proposed_region import ProposedOutline
from napari_spatial_embeddings.plugin.state.open_image import Box
from napari_spatial_embeddings.plugin.state.session import Session

from .object_queue import ObjectQueue
from .walk import QueueWalk

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.reviewing import ObjectToReview

NAME = "Review"

HINT = "K right, D wrong, S split, J merge, G next, B back."

KEYS = {"G": "next", "B": "back"}
"""Keys of the review's own, while the objects' layer is active; the others are the tools'."""

NO_RESULT = "Predict an image first: then its objects can be reviewed."
AT_FIRST = "Next shows the objects one by one, the least sure first."
NO_OBJECT = "Press Next first: it shows an object."
FIRST_OBJECT = "This is the first object."

SHARE = 0.3
"""Share of the canvas that an object takes."""


class ObjectReview(QueueWalk["ObjectToReview"]):
    """Goes through the objects of all results, and makes corrections of what is decided.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    correction : CorrectionController
    correction_tool : CorrectionTool
        Its keys are asked here first while a review is on: right and wrong need no click then, and
        of two clicks that merge the first is made.

    Attributes
    ----------
    on : bool
        Whether an object is shown, or looked for.
    """

    no_result = NO_RESULT

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        correction: CorrectionController,
        correction_tool: CorrectionTool,
        parent: QObject | None = None,
    ) -> None:
        outline = ProposedOutline(viewer, "object", "object to review")
        super().__init__(viewer, session, images, ObjectQueue(session), outline, parent)
        self._correction, self._tool = correction, correction_tool
        self.on = False
        self._bound: Labels | None = None
        self._connections.add(correction_tool.followed, self._bind)

    def close(self) -> None:
        """Leave the review, and search no more."""
        self.leave()
        super().close()

    # ------------------------------------------------------------------ queries

    @property
    def hint(self) -> str:
        """What to do."""
        return HINT

    @property
    def problem_here(self) -> str:
        """Why nothing can be decided; empty if something can."""
        if not self.on or self.item is None:
            return NO_OBJECT
        return "" if self.in_view else "The object is in another image: Back or Next goes on."

    @property
    def problem_back(self) -> str:
        """Why there is no object to go back to; empty if there is one."""
        if not self.on or self.item is None:
            return NO_OBJECT
        return "" if self._queue.at > 0 else FIRST_OBJECT

    @property
    def left(self) -> int:
        """How many objects come after the one that is shown, and are not decided yet."""
        locked: dict[str, set[int]] = {}
        for key, result in self._session.results.items():
            known = result.corrections
            locked[key] = set() if known is None else set(known.ids.tolist())
        rest = self._queue.order[self._queue.at + 1 :]
        return sum(one.label not in locked.get(one.image, set()) for one in rest)

    @property
    def text(self) -> str:
        """Which object is shown, and how many are left, as a sentence."""
        if self._looking or self.problem:
            return self._looking or self.problem
        item = self.item
        if not self.on or item is None:
            return self._queue.nothing or AT_FIRST
        left = f"{self.left} left"
        if self._elsewhere:
            return f"Object {item.label} is in {self._elsewhere}; {left}."
        if self._locked(item):
            return f"Object {item.label}: locked; {left}."
        sure = f"unsure ({item.reason})" if item.reason else "rather sure"
        return f"Object {item.label}: {sure}; {left}."

    # ------------------------------------------------------------------ actions

    def next(self) -> None:
        """Go to the next object; the one that is shown is passed over if nothing is decided.

        Raises
        ------
        InputError
            If nothing is predicted.
        """
        if self.problem:
            raise InputError(self.problem)
        self._leave_tool()
        if self.on and self.item is not None and not self._locked(self.item):
            self._queue.pass_over(self.item)
        self.on = True
        self._go_on()

    def back(self) -> None:
        """Go to the object before.

        Raises
        ------
        InputError
            If there is none.
        """
        if self.problem_back:
            raise InputError(self.problem_back)
        self._leave_tool()
        for at in reversed(range(self._queue.at)):  # those that were deleted are left out
            if self._box(self._queue.order[at]) is not None:
                self._bring_object(at)
                return
        raise InputError(FIRST_OBJECT)

    def accept(self) -> None:
        """Lock the object as it is, and go to the next one.

        Raises
        ------
        InputError
            If no object is shown.
        """
        from napari_spatial_embeddings.editing.corrections import accept

        label = self._decided().label
        self._correction.do(lambda scene: accept(scene.corrections, scene.instances, [label]))
        self._go_on()

    def reject(self) -> None:
        """Delete the object, and go to the next one.

        Raises
        ------
        InputError
            If no object is shown.
        """
        from napari_spatial_embeddings.editing.corrections import delete

        label = self._decided().label
        self._correction.do(lambda scene: delete(scene.corrections, scene.instances, label))
        self._go_on()

    def leave(self) -> None:
        """Leave the review; what was decided stays."""
        if not self.on:
            return
        self.on = self._waiting = False
        self._bind()
        self._tool.keys_first = None
        self._tool.leave()
        self._outline.hide()
        self.changed.emit()

    def _leave_tool(self) -> None:
        """Leave a tool that was used on an object; the objects' layer stays the active one."""
        if self._tool.tool:
            self._tool.leave()

    def _decided(self) -> ObjectToReview:
        if self.problem_here or self.item is None:
            raise InputError(self.problem_here)
        self._leave_tool()
        self._queue.pass_over(self.item)  # the correction may come later than the next search
        return self.item

    def _locked(self, item: ObjectToReview) -> bool:
        """Return whether an object is locked."""
        image = self._session.images.get(item.image)
        known = None if image is None or image.result is None else image.result.corrections
        return known is not None and item.label in known.ids

    # --------------------------------------------------------------- the object

    def _show(self, at: int) -> None:
        """Go to an object of the queue; one that is gone, or decided already, is left out."""
        order = self._queue.order
        while at < len(order) and (self._box(order[at]) is None or self._locked(order[at])):
            self._queue.pass_over(order[at])
            self._queue.drop(at)
        if at < len(order):
            self._bring_object(at)
        else:
            self._go_on()

    def _bring_object(self, at: int) -> None:
        item = self._queue.order[at]
        record, box = self._session.images[item.image], self._box(item)
        assert box is not None
        self._bring(at, record)
        self._tool.start_review(self._press)
        self._bind()
        self._outline.show(item.image, box)
        self._outline.look(box, SHARE)
        self.changed.emit()

    def _box(self, item: ObjectToReview) -> Box | None:
        """Return the box to outline; None if the object is gone."""
        from napari_spatial_embeddings.editing.reviewing import box_around

        result = self._session.results.get(item.image)
        return None if result is None else box_around(result.instances, item)

    # --------------------------------------------------------------------- keys

    def _press(self, tool: str) -> bool:
        """Use a tool's key for the object that is shown; return whether it was used."""
        if not self.on or self.problem_here or self.item is None:
            return False
        with self._session.errors_as_messages():
            if tool == "accept":
                self.accept()
            elif tool == "delete":
                self.reject()
            elif tool == "merge" and not self._locked(self.item):
                self._merge(self.item)
            else:
                return False
        return True

    def _merge(self, item: ObjectToReview) -> None:
        """Use the tool that merges, with the object as the first of two."""
        from napari_spatial_embeddings.editing.reviewing import middle_of

        result = self._session.result
        if result is not None:
            self._tool.use("merge")
            self._tool.take_first(middle_of(result.instances, item))

    def _bind(self) -> None:
        """Bind the review's own keys on the objects' layer, and unbind them on the one before."""
        layer = self._tool.layer if self.on else None
        if layer is self._bound:
            return
        if self._bound is not None:
            for key in KEYS:
                self._bound.bind_key(key, None)
        self._bound = layer
        if layer is not None:
            for key, action in KEYS.items():
                layer.bind_key(key, self._doing(getattr(self, action)), overwrite=True)

    def _doing(self, action: Callable[[], None]) -> Callable[[Labels], None]:
        def press(_layer: Labels) -> None:  # napari asks for a function with a name
            with self._session.errors_as_messages():
                action()

        return press

    # ---------------------------------------------------------------- following

    def _ended(self) -> None:
        super()._ended()
        self.leave()

    def _follow(self, *_: object) -> None:
        if self.on and not self._session.results:
            self.leave()
        super()._follow()

    def _outline_again(self, item: ObjectToReview) -> None:
        box = self._box(item) if self.on else None
        if box is None:
            self._outline.hide()
        else:
            self._outline.show(item.image, box)

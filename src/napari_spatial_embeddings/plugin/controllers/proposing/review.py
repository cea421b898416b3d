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
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.open_image import Box
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.proposing.objects import objects_of_image

from .queue import ProposalQueue
from .walk import QueueWalk

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.reviewing import ObjectToReview
    from napari_spatial_embeddings.inference.segmentation import Segmentation

NAME = "Review"

HINT = "K right, D wrong, S split, J merge, G next, B back."

KEYS = {"G": "next", "B": "back"}
"""Keys of the review's own, while the objects' layer is active; the others are the tools'."""

NO_RESULT = "Predict an image first: then its objects can be reviewed."
AT_FIRST = "Next shows the objects one by one, the least sure first."
ALL_SHOWN = "All objects were reviewed, but for those that you passed over."

SHARE = 0.3
"""Share of the canvas that an object takes."""


class ObjectReview(QObject):
    """Goes through the objects of all results, and makes corrections of what is decided.

    An object whose decision is undone while it is in the current image is shown again.

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
    walk : QueueWalk
        Along the objects: image by image, the least sure first.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        correction: CorrectionController,
        correction_tool: CorrectionTool,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._correction, self._tool = session, correction, correction_tool
        queue = ProposalQueue(session, objects_of_image, _ranked, ALL_SHOWN)
        outline = ProposedOutline(viewer, "object", "object to review")
        self.walk = QueueWalk(
            viewer, session, images, queue, outline, "object", _box, SHARE, self._locked, self
        )
        self._bound: Labels | None = None
        self._decided: dict[ObjectToReview, bool] = {}
        self._connections = Connections()
        self._connections.add(self.walk.shown, self._begin)
        self._connections.add(self.walk.changed, self._follow)
        self._connections.add(session.result_changed, self._follow_result)
        self._connections.add(correction_tool.followed, self._bind)

    def close(self) -> None:
        """Leave the review, and search no more."""
        self.leave()
        self._connections.close()
        self.walk.close()

    # ------------------------------------------------------------------ queries

    @property
    def on(self) -> bool:
        """Whether an object is shown, or looked for."""
        return self.walk.on

    @property
    def busy(self) -> bool:
        """Whether results are being searched."""
        return self.walk.queue.busy

    @property
    def hint(self) -> str:
        """What to do."""
        return HINT

    @property
    def problem(self) -> str:
        """Why there is no object to go to; empty if there may be one."""
        return "" if self._session.results else NO_RESULT

    @property
    def left(self) -> int:
        """How many objects come after the one that is shown, and are not decided yet."""
        results, queue = self._session.results, self.walk.queue
        free = {
            key: set(result.instances.ids[~result.instances.locked].tolist())
            for key, result in results.items()
        }
        return sum(one.label in free.get(one.image, ()) for one in queue.order[queue.at + 1 :])

    @property
    def text(self) -> str:
        """Which object is shown, and how many are left, as a sentence."""
        walk, item = self.walk, self.walk.item
        if walk.looking or self.problem:
            return walk.looking or self.problem
        if item is None:
            return walk.queue.nothing or AT_FIRST
        left = f"{self.left} left"
        if walk.elsewhere:
            return f"Object {item.label} is in {walk.elsewhere}; {left}."
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
        if self.walk.item is not None and not self._locked(self.walk.item):
            self.walk.queue.pass_over(self.walk.item)
        self.walk.next()

    def back(self) -> None:
        """Go to the object before.

        Raises
        ------
        InputError
            If there is none.
        """
        self._leave_tool()
        self.walk.back()

    def accept(self) -> None:
        """Lock the object as it is, and go to the next one.

        Raises
        ------
        InputError
            If no object is shown.
        """
        from napari_spatial_embeddings.editing.corrections import accept

        label = self._decide().label
        self._correction.do(lambda scene: accept(scene.corrections, scene.instances, [label]))
        self.walk.next()

    def reject(self) -> None:
        """Delete the object, and go to the next one.

        Raises
        ------
        InputError
            If no object is shown.
        """
        from napari_spatial_embeddings.editing.corrections import delete

        label = self._decide().label
        self._correction.do(lambda scene: delete(scene.corrections, scene.instances, label))
        self.walk.next()

    def leave(self) -> None:
        """Leave the review; what was decided stays."""
        if self.on:
            self.walk.stop()

    def _leave_tool(self) -> None:
        """Leave a tool that was used on an object; the objects' layer stays the active one."""
        if self._tool.tool:
            self._tool.leave()

    def _decide(self) -> ObjectToReview:
        item = self.walk.item
        if self.walk.problem_here or item is None:
            raise InputError(self.walk.problem_here)
        self._leave_tool()
        self.walk.queue.pass_over(item)  # the correction may come later than the next search
        self._decided[item] = False
        return item

    def _locked(self, item: ObjectToReview) -> bool:
        """Return whether an object is locked."""
        result = self._session.results.get(item.image)
        known = None if result is None else result.corrections
        return known is not None and item.label in known.ids

    # --------------------------------------------------------------------- keys

    def _press(self, tool: str) -> bool:
        """Use a tool's key for the object that is shown; return whether it was used."""
        item = self.walk.item
        if self.walk.problem_here or item is None:
            return False
        with self._session.errors_as_messages():
            if tool == "accept":
                self.accept()
            elif tool == "delete":
                self.reject()
            elif tool == "merge" and not self._locked(item):
                self._merge(item)
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

    def _begin(self) -> None:
        """Have the keys of the objects' layer decide."""
        self._tool.start_review(self._press)
        self._bind()

    def _follow(self) -> None:
        """Give the keys back once the review is left."""
        if not self.on and self._tool.keys_first is not None:
            self._tool.keys_first = None
            self._bind()
            self._tool.leave()

    def _follow_result(self, key: str) -> None:
        """Go back to an object that was decided, and is not any more."""
        for item in [one for one in self._decided if one.image == key]:
            if self.walk.box(item) is None or self._locked(item):
                self._decided[item] = True
            elif self._decided.pop(item):  # else the correction is still to come
                queue = self.walk.queue
                queue.propose_again(item)
                if self.on and key == self._session.image and item in queue.order[: queue.at]:
                    self.walk.show(queue.order.index(item))


def _ranked(
    every: list[ObjectToReview],
    taken: list[ObjectToReview],
    passed: list[ObjectToReview],
    first: str,
) -> list[ObjectToReview]:
    """Return the objects that are left: image by image, the first one's before the others'."""
    done = {(one.image, one.label) for one in (*taken, *passed)}
    rest = [one for one in every if (one.image, one.label) not in done]
    if not rest:
        raise InputError("there is nothing to review: all objects are locked, or none was found")
    return sorted(rest, key=lambda one: one.image != first)


def _box(item: ObjectToReview, result: Segmentation) -> Box | None:
    from napari_spatial_embeddings.editing.reviewing import box_around

    return box_around(result.instances, item)

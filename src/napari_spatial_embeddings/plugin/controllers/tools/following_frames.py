"""Offer to repeat a correction in the frames that follow, and copies of locked objects to the next.

A correction is never repeated by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.correction import CorrectionController
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.tracking.linking import LinkingController
from napari_spatial_embeddings.plugin.layers.tags import find_layer, role_of
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage, Series
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.carried_objects import (
    lock_carried,
    locks_text,
    nothing_locked,
)
from napari_spatial_embeddings.plugin.tasks.correction import Corrected
from napari_spatial_embeddings.plugin.tasks.correction_actions import Change
from napari_spatial_embeddings.plugin.tasks.repeat_correction import (
    FrameAsItIs,
    LinkedFrames,
    RepeatRequest,
)

from .object_import import ObjectImport, no_next_frame


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """A correction that can be repeated.

    Parameters
    ----------
    source : FrameAsItIs
        The frame in which it was made.
    frames : sequence of (FrameAsItIs, callable)
        Those in which it plainly applies, and what repeats it there.
    """

    source: FrameAsItIs
    frames: Sequence[tuple[FrameAsItIs, Change]]

    @property
    def text(self) -> str:
        """What is offered."""
        numbers = [one.image.frame for one, _ in self.frames]
        count = plural(len(numbers), "following frame")
        where = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
        return f"The same in {count} ({where})"


class FollowingFrames(QObject):
    """Carries corrections of a frame of a time series over to the frames after it.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    correction : CorrectionController
    linking : LinkingController
        Its tracks are those by which it is known which objects of two frames are the same cell.
    imports : ObjectImport
        Copies annotations.

    Attributes
    ----------
    offer : Offer, optional
        For the last correction; until it is taken, or the objects are others.
    """

    changed = Signal()
    """There is another offer, or none."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        correction: CorrectionController,
        linking: LinkingController,
        imports: ObjectImport,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._images = viewer, session, images
        self._correction, self._linking, self._imports = correction, linking, imports
        self.offer: Offer | None = None
        self._linked: tuple[Series, LinkedFrames] | None = None
        self._worker = LatestWorker(RepeatRequest.run, self)
        self._worker.done.connect(self._found)
        self._worker.failed.connect(lambda problem: session.say(problem, "error"))
        self._connections = Connections()
        self._connections.add(correction.corrected, self._follow)
        self._connections.add(session.result_changed, self._follow_result)
        self._connections.add(session.image_changed, self._follow_image)
        self._connections.add(linking.changed, self._follow_links)

    def close(self) -> None:
        """Drop what is under way."""
        self._connections.close()
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether frames are being looked through."""
        return self._worker.busy

    # -------------------------------------------------------------------- offers

    def apply(self) -> None:
        """Repeat the correction in the frames in which that is offered; one undo takes it back."""
        offer = self.offer
        if offer is None:
            raise InputError("there is no correction to be repeated in the following frames")
        if self._correction.busy:
            return
        self._set(None)
        changes = [(one.image, act) for one, act in offer.frames]
        text = f"Done in {plural(len(changes), 'following frame')}: Ctrl+Z takes all of it back"
        self._correction.do_on_frames(offer.source.image, changes, text)

    def _set(self, offer: Offer | None) -> None:
        if offer is not self.offer:
            self.offer = offer
            self.changed.emit()

    def _follow(self, corrected: Corrected) -> None:
        self._set(None)
        image = corrected.image
        if image.series is not None and (frames := _after(image)):
            known = self._linked
            linked = None if known is None or known[0] is not image.series else known[1]
            self._worker.request(RepeatRequest(corrected, frames, linked))

    def _found(self, request: RepeatRequest, found: list[tuple[FrameAsItIs, Change]]) -> None:
        after = request.corrected.after
        source = FrameAsItIs(request.corrected.image, after, after.corrections)
        if found and source.unchanged and all(one.unchanged for one, _ in found):
            self._set(Offer(source, found))

    def _follow_result(self, key: str) -> None:
        """Withdraw an offer that is about other objects."""
        offer = self.offer
        if offer is None:
            return
        image = self._session.images.get(key)
        about = (offer.source, *(one for one, _ in offer.frames))
        if any(one.image is image and not one.unchanged for one in about):
            self._set(None)

    def _follow_image(self) -> None:
        image, offer = self._session.current, self.offer
        if offer is not None and (image is None or image.series is not offer.source.image.series):
            self._set(None)

    def _follow_links(self) -> None:
        """Keep the tracks of the series in view, with the objects that were linked."""
        image, linked = self._session.current, self._linking.series
        series = None if image is None else image.series
        if series is None or linked is None or linked.tracks is None or linked.stale:
            return
        if linked.layer is self._layer_of(series):
            known = self._linked
            if known is None or known[1].tracks is not linked.tracks:
                objects = {
                    t: record.result.instances.ids
                    for t, record in series.records.items()
                    if record.result is not None
                }
                self._linked = series, LinkedFrames(linked.tracks, objects)

    def _layer_of(self, series: Series) -> object:
        return find_layer(self._viewer, "instances", series.shown.key)

    # ------------------------------------------------------------ the next frame

    def copy(self) -> None:
        """Copy what the active layer holds to the next frame: locked objects, or annotations.

        Raises
        ------
        InputError
            As `copy_locked`, and `ObjectImport.copy_to_next_frame`.
        """
        active = self._viewer.layers.selection.active
        if active is not None and role_of(active) == "instances":
            self.copy_locked()
        else:
            self._imports.copy_to_next_frame()

    def problem(self) -> str:
        """Return why no locked objects can be copied to the next frame; empty if some can."""
        image = self._session.current
        if text := no_next_frame(image):
            return text
        assert image is not None
        assert image.series is not None
        if image.corrections is None or not len(image.corrections):
            return nothing_locked(image.frame)
        after = image.series.records.get(image.frame + 1)
        if after is None or after.result is None:
            return f"frame {image.frame + 1} is not predicted yet: press All frames first"
        return ""

    def copy_locked(self) -> None:
        """Copy the locked objects of the frame in view to the next frame, and go there.

        What is locked or deleted there stays as it is.

        Raises
        ------
        InputError
            If there is no next frame, it is not predicted, or no object is locked.
        """
        if problem := self.problem():
            raise InputError(problem)
        image = self._session.current
        assert image is not None
        assert image.corrections is not None
        known, source = image.corrections, image.frame
        self._images.show_frame(source + 1)

        def message(before: object, after: object) -> str:
            counts = [len(getattr(x, "corrections", None) or ()) for x in (before, after)]
            return locks_text(source, source + 1, counts[1] - counts[0], len(known))

        self._correction.do(lock_carried(known, source + 1), message=message)


def _after(image: OpenImage) -> list[FrameAsItIs]:
    """Return the predicted frames that follow one, up to the first that is not predicted."""
    assert image.series is not None
    found: list[FrameAsItIs] = []
    for t in range(image.frame + 1, image.series.frames):
        record = image.series.records.get(t)
        one = None if record is None else FrameAsItIs.of(record)
        if one is None:
            break
        found.append(one)
    return found

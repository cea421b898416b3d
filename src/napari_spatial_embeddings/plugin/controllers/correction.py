"""The corrections of open images: loaded, changed one by one, undone and saved."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.state.undo_history import UndoHistory
from napari_spatial_embeddings.plugin.tasks.correction import (
    CorrectionRequest,
    CorrectionState,
    change,
    load,
    reapply,
    restore,
)
from napari_spatial_embeddings.plugin.tasks.correction_actions import Change

from .autosave import Autosave
from .project_images import ProjectImages

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Corrections
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.project import Project

Work = Callable[[CorrectionRequest], "Segmentation | None"]


@dataclass(frozen=True, slots=True)
class _Step:
    """Work for an image that waits for its turn.

    Parameters
    ----------
    image : OpenImage
    work : callable
        Runs in the thread; see `CorrectionRequest`.
    kind : str
        "change" can be undone; "move" is an undo or redo; "load" reads what is saved; "reapply"
        brings a result up to date.
    message : str
        Shown when it is done.
    """

    image: OpenImage
    work: Work
    kind: str
    message: str = ""


class CorrectionController(QObject):
    """Owns the corrections of all images, and publishes the results that they lead to.

    Steps run one by one in a thread: each starts from the objects that the one before has left,
    however fast the clicks come.

    Parameters
    ----------
    session : Session
    autosave : Autosave
    project_images : ProjectImages
    """

    changed = Signal()
    """The corrections have changed, or whether they can be undone."""
    _saved = Signal(object, object)

    def __init__(
        self,
        session: Session,
        autosave: Autosave,
        project_images: ProjectImages,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._autosave = session, autosave
        self._project_images = project_images
        self._steps: deque[_Step] = deque()
        self._running: tuple[_Step, CorrectionRequest] | None = None
        self._worker = LatestWorker(CorrectionRequest.run, self)
        self._worker.done.connect(self._done)
        self._worker.failed.connect(self._failed)
        self._saved.connect(self._mark_saved)
        self._connections = Connections()
        self._connections.add(session.result_changed, self._follow_result)
        self._connections.add(session.project_changed, self._follow_project)
        autosave.add_source(self._save)

    def close(self) -> None:
        """Stop what runs in the background."""
        self._connections.close()
        self._steps.clear()
        self._worker.close()
        self._running = None

    # ------------------------------------------------------------------ changes

    @property
    def busy(self) -> bool:
        """Whether a step runs or waits."""
        return self._running is not None or bool(self._steps)

    @property
    def can_undo(self) -> bool:
        """Whether a correction of the current image can be undone."""
        image = self._session.current
        return image is not None and image.undo.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether an undone correction of the current image can be done again."""
        image = self._session.current
        return image is not None and image.undo.can_redo

    def do(self, what: Change) -> None:
        """Change the corrections of the current image."""
        image = self._session.current
        if image is not None:
            self._queue(_Step(image, partial(change, what=what), "change"))

    def undo(self) -> None:
        """Undo the last correction of the current image."""
        self._move(UndoHistory.undo, "Undone")

    def redo(self) -> None:
        """Do again what was undone."""
        self._move(UndoHistory.redo, "Done again")

    def _move(self, move: Callable[..., CorrectionState], message: str) -> None:
        image = self._session.current
        if image is None or image.result is None or self.busy:  # the history is about to change
            return
        now = CorrectionState.of(image.result)
        try:
            state = move(image.undo, now, now.size)
        except IndexError:
            return
        self._queue(_Step(image, partial(restore, state=state), "move", message))

    # -------------------------------------------------------------- one by one

    def _queue(self, step: _Step) -> None:
        self._steps.append(step)
        self._next()

    def _next(self) -> None:
        while self._running is None and self._steps:
            step = self._steps.popleft()
            image = step.image
            if not self._is_open(image):
                continue
            if image.result is None:
                if step.kind == "change":
                    self._session.say(
                        "There are no objects yet: predict the image first.",
                        "warning",
                        partial(_lacks_objects, image),
                    )
                continue
            request = CorrectionRequest(
                image.result, image.corrections, self._session.clustering, step.work
            )
            self._running = step, request
            self._worker.request(request)

    def _done(self, request: CorrectionRequest, new: Segmentation | None) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        step, before = running[0], request.result
        image, now = step.image, step.image.result
        if self._is_open(image) and now is not None:
            if now.maps is not before.maps:  # predicted again meanwhile
                self._steps.appendleft(step)
            elif new is not None:
                self._publish(step, before, new)
        self._next()
        self.changed.emit()

    def _publish(self, step: _Step, before: Segmentation, new: Segmentation) -> None:
        image = step.image
        if step.kind == "change":
            past = CorrectionState.of(before)
            image.undo.push(past, past.size)
        image.corrections = new.corrections
        if step.kind == "load":
            image.saved_corrections = new.corrections
        self._session.set_result(image.key, new)
        if step.message:
            self._session.say(step.message)
        if image.corrections is not image.saved_corrections:
            self._autosave.schedule()

    def _failed(self, sentence: str) -> None:
        running, self._running = self._running, None
        current = self._session.current
        known = None if current is None else current.corrections

        def holds() -> bool:
            """Whether nothing was corrected since."""
            same = self._session.current is current
            return same and (current is None or current.corrections is known)

        self._session.say(sentence, "warning", holds)
        if running is not None:
            image = running[0].image
            result = image.result
            if running[0].kind == "change" and self._is_open(image) and result is not None:
                # The layer may show what was painted and is not a correction.
                reset = replace(result, instances=replace(result.instances))
                self._session.set_result(image.key, reset)
        self._next()
        self.changed.emit()

    def _is_open(self, image: OpenImage) -> bool:
        return self._session.is_open(image)

    # ------------------------------------------------------- loading and saving

    def _follow_result(self, key: str) -> None:
        """Load the corrections with the first result; apply them to a result that lacks them."""
        image, project = self._session.images.get(key), self._session.project
        result = None if image is None else image.result
        if image is not None and result is not None:
            if not image.corrections_loaded:
                image.corrections_loaded = True
                image.corrections = image.saved_corrections = result.corrections
                if result.corrections is None and project is not None:
                    work = partial(load, project=project, key=key)
                    self._queue(_Step(image, work, "load"))
            elif result.corrections is not image.corrections:
                self._queue(_Step(image, reapply, "reapply"))
        if key == self._session.image:
            self.changed.emit()

    def _follow_project(self) -> None:
        if not self._session.results:  # another project, rather than a folder for this state
            self._steps.clear()
            for image in self._session.images.values():
                image.corrections = image.saved_corrections = None
                image.corrections_loaded = False
                image.undo = UndoHistory()
        self.changed.emit()

    def _save(self) -> None:
        for key, image in self._session.images.items():
            corrections = image.corrections
            if corrections is not None and corrections is not image.saved_corrections:
                self._project_images.save(key, partial(self._write, image, corrections))

    def _write(self, image: OpenImage, corrections: Corrections, project: Project) -> None:
        """Write corrections; runs in the thread that writes."""
        project.save_corrections(image.key, corrections)
        self._saved.emit(image, corrections)

    def _mark_saved(self, image: OpenImage, corrections: Corrections) -> None:
        if self._is_open(image):
            image.saved_corrections = corrections


def _lacks_objects(image: OpenImage) -> bool:
    return image.result is None

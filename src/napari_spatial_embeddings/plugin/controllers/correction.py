"""The corrections of open images: loaded, changed one by one, undone and saved."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.state.undo_history import UndoHistory
from napari_spatial_embeddings.plugin.tasks.correction import (
    Corrected,
    CorrectionRequest,
    CorrectionState,
    Joint,
    Made,
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

Message = str | Callable[["Segmentation", "Segmentation"], str]


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
    message : str or callable
        Shown when it is done; a callable gets the results before and after it.
    joint : Joint, optional
        Frames that are changed at once.
    made : Made, optional
        What was clicked.
    """

    image: OpenImage
    work: Work
    kind: str
    message: Message = ""
    joint: Joint | None = None
    made: Made | None = None


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
    corrected = Signal(object)
    """A correction was made by clicks: `Corrected`."""
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

    def do(self, what: Change, made: Made | None = None, message: Message = "") -> None:
        """Change the corrections of the current image.

        Parameters
        ----------
        what : callable
        made : Made, optional
            What was clicked.
        message : str or callable
            Shown when it is done; a callable gets the results before and after it.
        """
        image = self._session.current
        if image is not None:
            work = partial(change, what=what)
            self._queue(_Step(image, work, "change", message, made=made))

    def do_on_frames(
        self, source: OpenImage, changes: Sequence[tuple[OpenImage, Change]], message: str
    ) -> None:
        """Change the corrections of several frames of a time series; one undo takes all back.

        Parameters
        ----------
        source : OpenImage
            The frame whose correction they repeat: it can be undone there, too.
        changes : sequence of (OpenImage, callable)
        message : str
            Shown when it is done.
        """
        if self.busy or source.result is None or not changes:
            return
        joint = Joint((source, *(frame for frame, _ in changes)))
        mark = CorrectionState.of(source.result, joint)
        source.undo.push(mark, mark.size)
        for k, (frame, what) in enumerate(changes, 1):
            text = message if k == len(changes) else ""
            self._queue(_Step(frame, partial(change, what=what), "change", text, joint))

    def undo(self) -> None:
        """Undo the last correction of the current image, in all frames that it changed."""
        self._move(UndoHistory.undo, "Undone")

    def redo(self) -> None:
        """Do again what was undone."""
        self._move(UndoHistory.redo, "Done again")

    def _move(self, move: Callable[..., CorrectionState], message: str) -> None:
        image = self._session.current
        if image is None or image.result is None or self.busy:  # the history is about to change
            return

        def next_of(one: OpenImage) -> CorrectionState | None:
            back = move is UndoHistory.undo
            return one.undo.previous if back else one.undo.following

        first = next_of(image)
        if first is None:
            return
        joint, images = first.joint, [image]
        if joint is not None:  # but for frames that were corrected since
            tops = [(x, next_of(x)) for x in joint.frames if self._is_open(x) and x.result]
            images = [x for x, top in tops if top is not None and top.joint is joint]
            others = [x for x in images if x is not joint.frames[0]]
            message = f"{message} in {plural(len(others), 'frame')}"
        for one in images:
            assert one.result is not None
            now = CorrectionState.of(one.result, joint)
            state = move(one.undo, now, now.size)
            self._queue(_Step(one, partial(restore, state=state), "move", message))

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
            past = CorrectionState.of(before, step.joint)
            image.undo.push(past, past.size)
        image.corrections = new.corrections
        if step.kind == "load":
            image.saved_corrections = new.corrections
        self._session.set_result(image.key, new)
        text = step.message if isinstance(step.message, str) else step.message(before, new)
        if text:
            self._session.say(text)
        if image.corrections is not image.saved_corrections:
            self._autosave.schedule()
        if step.made is not None:
            self.corrected.emit(Corrected(image, step.made, before, new))

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

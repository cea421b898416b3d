"""Changes corrections one after another, beside the main thread, and remembers how it was."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.plugin.qt.workers import Job
from napari_spatial_embeddings.plugin.session import Result
from napari_spatial_embeddings.plugin.tasks.correction_tools import Scene

from .undo_history import History
from .workspace import Workspace

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ClusteringSettings
    from napari_spatial_embeddings.core.clustering import Clustering
    from napari_spatial_embeddings.core.instances import Instances
    from napari_spatial_embeddings.project import Project

Change = Callable[[Scene], Corrections]
"""Returns new corrections. Called in a thread, with the objects as they are then."""

Outcome = tuple["Clustering", "State"]
Work = Callable[[Result, "ClusteringSettings"], "Outcome | None"]
"""Returns what becomes of a result; None if it stays as it is."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a correction changes, and the settings under which it was so."""

    corrections: Corrections
    instances: Instances
    settings: ClusteringSettings

    @property
    def size(self) -> int:
        """Bytes of its label images."""
        return self.corrections.labels.nbytes + self.instances.labels.nbytes


@dataclass(frozen=True, slots=True)
class _Step:
    key: str
    work: Work
    remember: bool
    said: str


class Corrector(QObject):
    """Applies corrections to the results of a session.

    Steps are done one by one: each sees what the one before has made of the objects, however fast
    a person clicks.

    Parameters
    ----------
    workspace : Workspace
    """

    changed = Signal()
    """Corrections are others now, or what can be undone is."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace, self.session = workspace, workspace.session
        self._steps: deque[_Step] = deque()
        self._doing: _Step | None = None
        self._before: Result | None = None
        self._settings: ClusteringSettings | None = None
        self._job: Job | None = None
        self._histories: dict[str, History[State]] = {}
        self._unsaved: dict[str, Corrections] = {}
        self._written: dict[str, Corrections] = {}
        self._known: dict[str, Corrections | None] = {}
        self._links: list[tuple[Any, Callable[..., object]]] = [
            (self.session.result_changed, self._result_changed),
            (self.session.project_changed, self._project_changed),
        ]
        for signal, slot in self._links:
            signal.connect(slot)
        workspace.at_pause.append(self._save)

    def close(self) -> None:
        """End what runs in the background."""
        for signal, slot in self._links:
            signal.disconnect(slot)
        self._steps.clear()
        if self._job is not None:
            self._job.stop(wait=5)

    # ---------------------------------------------------------------- what can be done

    @property
    def busy(self) -> bool:
        """Whether something is being done or waits for that."""
        return self._doing is not None or bool(self._steps)

    def do(self, change: Change) -> None:
        """Change the corrections of the current image."""

        def work(result: Result, settings: ClusteringSettings) -> Outcome:
            assert result.instances is not None
            scene = Scene(_corrections(result), result.instances, result.maps, settings)
            return _clustered(result, settings, change(scene))

        if self.session.image is not None:
            self._queue(_Step(self.session.image, work, True, ""))

    @property
    def can_undo(self) -> bool:
        """Whether a correction of the current image can be undone."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether an undone correction of the current image can be done again."""
        return self._history.can_redo

    def undo(self) -> None:
        """Undo the last correction of the current image."""
        self._travel(lambda history, now: history.undo(now, now.size), "Undone")

    def redo(self) -> None:
        """Do again what was undone."""
        self._travel(lambda history, now: history.redo(now, now.size), "Done again")

    def _travel(self, move: Callable[[History[State], State], State], said: str) -> None:
        key = self.session.image
        if key is None or self.busy:  # the stack is about to change
            return
        result, history = self.session.results.get(key), self._history
        if result is None or result.instances is None:
            return
        now = State(_corrections(result), result.instances, self.session.clustering)
        try:
            state = move(history, now)
        except IndexError:
            return

        def work(result: Result, settings: ClusteringSettings) -> Outcome:
            if settings != state.settings:  # thresholds moved since
                return _clustered(result, settings, state.corrections)
            return result.clustering.corrected(state.corrections), state

        self._queue(_Step(key, work, False, said))

    @property
    def _history(self) -> History[State]:
        return self._histories.setdefault(self.session.image or "", History())

    # ---------------------------------------------------------------- one after another

    def _queue(self, step: _Step) -> None:
        self._steps.append(step)
        self._next()

    def _next(self) -> None:
        while self._doing is None and self._steps:
            step = self._steps.popleft()
            result, settings = self.session.results.get(step.key), self.session.clustering
            if result is None or result.instances is None:
                self.session.say("there are no objects yet: predict the image first", "warning")
                continue
            self._doing, self._before, self._settings = step, result, settings

            def run(
                step: _Step = step,
                result: Result = result,
                settings: ClusteringSettings = settings,
            ) -> Iterator[Outcome | None]:
                yield step.work(result, settings)

            self._job = Job(run, self)
            self._job.ended.connect(self._done)
            self._job.failed.connect(self._failed)
            self._job.start()

    def _done(self, outcome: Outcome | None) -> None:
        step, before, settings = self._doing, self._before, self._settings
        self._doing = None
        assert step is not None
        assert before is not None
        now = self.session.results.get(step.key)
        if now is not None and now.maps is not before.maps:  # predicted anew meanwhile
            self._steps.appendleft(step)
        elif now is not None and outcome is not None:
            clustering, state = outcome
            if step.remember and before.instances is not None and settings is not None:
                past = State(_corrections(before), before.instances, settings)
                self._histories.setdefault(step.key, History()).push(past, past.size)
            self._known[step.key] = state.corrections
            self._unsaved[step.key] = state.corrections
            self.session.correct(step.key, clustering, state.instances, state.corrections)
            if settings != self.session.clustering:  # a slider moved meanwhile
                self._steps.appendleft(_Step(step.key, _again, False, ""))
            if step.said:
                self.session.say(step.said)
            self.workspace.touch()
        self._next()
        self.changed.emit()

    def _failed(self, sentence: str) -> None:
        step, self._doing = self._doing, None
        self.session.say(sentence, "warning")
        result = self.session.results.get(step.key) if step is not None else None
        if step is not None and result is not None and result.instances is not None:
            # The layer may show what was painted and not taken over.
            self.session.set_instances(step.key, replace(result.instances))
        self._next()
        self.changed.emit()

    # ---------------------------------------------------------------- what lasts

    def _result_changed(self, key: str) -> None:
        """Bring back what was corrected, when an image is predicted, for the first time or anew."""
        result, project = self.session.results.get(key), self.session.project
        if result is not None and result.instances is not None:
            known = self._known.get(key)
            if known is None and key not in self._known:
                self._known[key] = result.corrections
                if result.corrections is None and project is not None:
                    self._restore(key, project)
            elif known is not None and result.corrections is not known:
                self._queue(_Step(key, lambda r, s: _clustered(r, s, known), False, ""))
        if key == self.session.image:
            self.changed.emit()

    def _restore(self, key: str, project: Project) -> None:
        def work(result: Result, settings: ClusteringSettings) -> Outcome | None:
            saved = project.corrections(key) if project.card.find(key) else None
            return None if saved is None else _clustered(result, settings, saved)

        self._queue(_Step(key, work, False, ""))

    def _project_changed(self) -> None:
        if not self.session.results:  # another project, not a place for what there is
            self._steps.clear()
            self._histories.clear()
            self._known.clear()
            self._unsaved.clear()
            self._written.clear()
        self.changed.emit()

    def _save(self) -> None:
        for key, corrections in self._unsaved.items():
            if self._written.get(key) is not corrections:  # or could not be, the last time
                self.workspace.project_images.keep(key, partial(self._write, key, corrections))

    def _write(self, key: str, corrections: Corrections, project: Project) -> None:
        """Write what a person corrected; runs in the thread that writes."""
        project.save_corrections(key, corrections)
        self._written[key] = corrections


def _corrections(result: Result) -> Corrections:
    if result.corrections is None:
        return Corrections.none(result.maps.shape)
    return result.corrections


def _clustered(result: Result, settings: ClusteringSettings, corrections: Corrections) -> Outcome:
    clustering = result.clustering.corrected(corrections)
    instances = clustering(settings, like=result.instances)
    return clustering, State(corrections, instances, settings)


def _again(result: Result, settings: ClusteringSettings) -> Outcome:
    return _clustered(result, settings, _corrections(result))

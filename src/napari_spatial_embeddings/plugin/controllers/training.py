"""Training: its child process, its reports in the session, and the preview of its models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QElapsedTimer, QObject, QTimer

from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.inference.model_card import (
    CHECKPOINT,
    WEIGHTS,
    ModelCard,
    check_folder,
)
from napari_spatial_embeddings.inference.registry import find_folder
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.process import command_line
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.state.training_state import TrainingState

from .annotation import AnnotationController
from .autosave import Autosave
from .images import ImageController
from .prediction import PredictionController
from .project import ProjectController
from .suitability import start_misfit

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import Project

PREVIEW_INTERVAL_MS = 10_000
"""Milliseconds between two previews: they take time from the training."""


class TrainingController(QObject):
    """Runs ``train --project`` beside napari, and publishes its reports in the session.

    Parameters
    ----------
    session : Session
    autosave : Autosave
    project : ProjectController
    prediction : PredictionController

    Attributes
    ----------
    previewing : bool
        Predict the current view whenever there is a better model.
    """

    def __init__(
        self,
        session: Session,
        autosave: Autosave,
        project: ProjectController,
        prediction: PredictionController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._autosave = session, autosave
        self._projects, self._prediction = project, prediction
        self.previewing = True
        self._child = command_line("the training", self)
        self._child.reported.connect(self._take)
        self._child.ended.connect(self._end)
        self._project: Project | None = None
        self._before: int | None = None
        self._ended: dict[str, Any] | None = None
        self._error = ""
        self._since = QElapsedTimer()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._preview)
        self._connections = Connections()
        self._connections.add(session.project_changed, self._leave_project)

    @property
    def pid(self) -> int:
        """Id of the child process; 0 if there is none."""
        return self._child.pid

    def start(self, model: str | None) -> None:
        """Save everything, and start a training.

        Parameters
        ----------
        model : str, optional
            Folder or name of the start model; None to train from scratch, with the project's
            settings.

        Raises
        ------
        InputError, Failure
            If something cannot be saved, or there is no Python to train with.
        """
        project = self._projects.ensure()
        arguments = []
        if model is None:
            arguments.append("--from-scratch")
        elif model != str(project.model_folder):  # that is the default
            self._autosave.write(lambda: project.update(start=model))
            arguments += ["--model", model]
        self._start(project, TrainingState(), arguments)
        if model is not None and self.previewing and self._session.image is not None:
            self._session.set_model(model, None)
            self._prediction.view(asked=False)  # what there was before

    @property
    def can_resume(self) -> bool:
        """Whether the last training was stopped or cut off, and can go on where it was."""
        project, training = self._session.project, self._session.training
        if project is None or training.back or not training.seconds_left:
            return False
        return (project.model_folder / CHECKPOINT).exists()

    def resume(self) -> None:
        """Go on with the last training, until its time is over.

        Raises
        ------
        InputError, Failure
            As of `start`.
        """
        self._start(self._projects.ensure(), self._session.training, ["--resume"])

    def _start(self, project: Project, before: TrainingState, arguments: list[str]) -> None:
        self._autosave.save_now()
        if self._autosave.problem:
            raise Failure(
                f"the annotations are not saved, so no training can start: {self._autosave.problem}"
            )
        self._project = project
        self._before, self._ended = written(project), None
        self._error = ""
        self._since.invalidate()
        options = "--json", "--stages", "--stop-on-stdin"
        self._child.start("train", "--project", str(project.folder), *options, *arguments)
        self._session.show_training(
            replace(before, status="starting", stage="starting Python", problem="")
        )

    def stop(self) -> None:
        """Stop, and keep the best model; a second call does not wait for it.

        The folder holds the best model at any time, so the child is only waited for as long as
        there is no model of this training.
        """
        training = self._session.training
        if training.active and self._written():
            self._child.detach()
        elif training.status == "running":
            self._session.set_status("stopping")
            self._child.stop()
        elif training.active:
            self._child.kill()

    @property
    def parting(self) -> str:
        """What becomes of the training that is running if it is closed now; empty if none is."""
        if not self._session.training.active or self._project is None:
            return ""
        if self._written():
            return f"the best model so far is kept in {self._project.model_folder}"
        return f"it has no better model yet; annotations are kept in {self._project.folder}"

    def may_close(self, what: str) -> bool:
        """Ask whether a training that is running is to end with what is closed."""
        parting = self.parting
        return not parting or self._projects.dialogs.confirm(
            f"A training is running. Closing {what} ends it: {parting}.",
            "End it and close",
            "Go on training",
        )

    @property
    def can_go_back(self) -> bool:
        """Whether the last training replaced a model that is still there, or is back in use."""
        project, training = self._session.project, self._session.training
        if project is None or not training.replaced:
            return False
        from napari_spatial_embeddings.project.previous import has_previous

        return has_previous(project) or training.trained_start

    def go_back(self) -> None:
        """Take the model from before the last training again, or the new one if that was done.

        It is then the project's model; a project that had none uses the start model again.
        """
        from napari_spatial_embeddings.project.previous import exchange_previous, has_previous

        session = self._session
        with session.errors_as_messages():
            project, training = session.project, session.training
            if project is None or not self.can_go_back:
                raise InputError("there is no model before this one")
            if not has_previous(project):
                check_folder(find_folder(training.used["start"]))  # it may be gone
            self._child.end_former()  # it might still write its model
            exchange_previous(project)
            session.set_status(training.status, back=not training.back)
            own = str(project.model_folder)
            self._use(own if project.has_model else training.used["start"])

    def close(self) -> None:
        """End the child without waiting for it."""
        self._later.stop()
        self._child.close()
        if self._session.training.active:
            self._session.set_status("idle")
        self._connections.close()

    # ---------------------------------------------------------------- reports

    def _take(self, report: dict[str, Any]) -> None:
        event = report.get("event")
        if event == "start":
            stopping = self._session.training.status == "stopping"
            if report.get("resumed"):  # it is the same training, with the same start model
                report = {**report, "start": self._session.training.used.get("start")}
            self._session.set_status("stopping" if stopping else "running", used=report)
        elif event == "stage":
            self._session.set_status(self._session.training.status, stage=report["stage"])
        elif event == "report":
            self._session.add_report(report)
            if report["saved"]:
                self._preview()
        elif event == "message":
            self._session.say(report["message"], "warning")
        elif event == "error":
            self._error = report["message"]
        elif event == "end":
            self._ended = report
            self._child.detach()  # torch takes its time to exit

    def _end(self, problem: str) -> None:
        self._later.stop()
        stopped = self._session.training.status == "stopping"
        there = self._written()
        if there:
            self._adopt()
        if problem and self._ended is None:
            kept = "; the best model so far is kept" if there else ""
            problem = f"{self._error or problem}{kept}"
            wrote = there or self._session.training.wrote  # before it was resumed
            self._session.set_status("failed", problem=problem, wrote=wrote)
            self._session.say(problem, "error", lambda: self._session.training.problem == problem)
        elif there or self._session.training.wrote:
            self._session.set_status("done", wrote=True)
        else:
            self._session.set_status("idle")
            if stopped:
                self._session.say("The training was stopped before there was a model.")

    def _written(self) -> bool:
        """Whether there is a model of this training: its last report may be lost with the child."""
        return self._project is not None and written(self._project) != self._before

    def _adopt(self) -> None:
        """Predict with the trained model, and with the thresholds that suit it."""
        if self._project is not None and self._project.has_model:
            with self._session.errors_as_messages():
                self._use(str(self._project.model_folder))

    def _use(self, model: str) -> None:
        self._session.set_model(model, ModelCard.read(find_folder(model)).clustering)
        if self._session.image is not None:
            self._prediction.image(asked=False)

    # ---------------------------------------------------------------- preview

    def _preview(self) -> None:
        """Predict the view with the newest model, not too often."""
        if not self.previewing or self._project is None or not self._session.training.active:
            return
        if self._session.image is None:
            return
        elapsed = self._since.elapsed() if self._since.isValid() else PREVIEW_INTERVAL_MS
        wait = PREVIEW_INTERVAL_MS - elapsed
        if self._prediction.running:  # started by the user, or slow: never two at a time
            wait = max(wait, PREVIEW_INTERVAL_MS // 10)
        if wait > 0:
            if not self._later.isActive():
                self._later.start(wait)
            return
        self._since.start()
        self._session.set_model(self._project.model_folder, None)
        self._prediction.view(asked=False)

    def _leave_project(self) -> None:
        """End the training of another project, and show the last one of this."""
        project = self._session.project
        if project is self._project and project is not None:
            return
        if self._session.training.active:
            self._later.stop()
            self._child.close()
            self._session.say("The training was stopped: another project was opened.", "warning")
        state = TrainingState()
        if project is not None:
            last = project.history.last()
            state = TrainingState(
                reports=tuple(last.reports), used=last.start, wrote=last.wrote, back=last.back
            )
        self._session.show_training(state)


def written(project: Project) -> int | None:
    """Return when the project's model was written, in nanoseconds; None if there is none."""
    weights = project.model_folder / WEIGHTS
    return weights.stat().st_mtime_ns if weights.exists() else None


def obstacle(
    session: Session,
    images: ImageController,
    annotation: AnnotationController,
    card: ModelCard | None,
) -> str:
    """Return why no training can start, as a sentence; empty if one can.

    Parameters
    ----------
    card : ModelCard, optional
        Of the start model; None to train from scratch.
    """
    if session.image is None:
        return "There is no image yet: open one, and choose it under Data."
    if images.problem:
        return "This image cannot be used as it is: see Data."
    if card is not None and (problem := start_misfit(card, images)):
        return problem
    if not annotation.totals.images:
        return "Nothing is annotated yet: paint some objects under Annotate."
    return ""

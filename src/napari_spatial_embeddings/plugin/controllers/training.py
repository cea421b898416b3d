"""A training, from the click to the model: its child process, the session, the preview."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QElapsedTimer, QObject, QTimer

from napari_spatial_embeddings.errors import Failure
from napari_spatial_embeddings.inference.model_card import WEIGHTS, ModelCard
from napari_spatial_embeddings.plugin.qt.process import Child
from napari_spatial_embeddings.project import Project

from .workspace import Workspace

PREVIEW = 10_000
"""Milliseconds between two previews: they take time from the training."""


class TrainingRun(QObject):
    """Runs ``train --project`` beside napari, and keeps the session in step with it.

    Parameters
    ----------
    workspace : Workspace

    Attributes
    ----------
    previewing : bool
        Whether the current view is predicted anew when there is a better model.
    """

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace, self.session = workspace, workspace.session
        self.previewing = True
        self._child = Child("the training", self)
        self._child.said.connect(self._hear)
        self._child.ended.connect(self._end)
        self._project: Project | None = None
        self._before: int | None = None
        self._ended: dict[str, Any] | None = None
        self._complaint = ""
        self._since = QElapsedTimer()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._preview)
        self.session.project_changed.connect(self._leave_project)

    @property
    def pid(self) -> int:
        """Number of the child process in the system; 0 if there is none."""
        return self._child.pid

    def start(self, model: str | None) -> None:
        """Save everything, and begin.

        Parameters
        ----------
        model : str, optional
            Folder or name of the model to start from; a fresh one, as the project says, if None.

        Raises
        ------
        InputError, Failure
            If something cannot be saved, or there is no Python to train with.
        """
        project = self.workspace.ensure_project()
        arguments = ["train", "--project", str(project.folder), "--json", "--stop-on-stdin"]
        if model is None:
            arguments.append("--from-scratch")
        elif model != str(project.model_folder):  # else it is what a project starts from
            self.workspace.write(lambda: project.update(start=model))
            arguments += ["--model", model]
        self.workspace.save_now()
        if self.workspace.problem:
            raise Failure(f"what you drew cannot be trained on: {self.workspace.problem}")
        self._project = project
        self._before, self._ended = written(project), None
        self._complaint = ""
        self._since.invalidate()
        self._child.start(*arguments)
        self.session.set_status("starting", reports=(), problem="", used={})

    def stop(self) -> None:
        """Stop, and keep the best model; a second call does not wait for it.

        The folder holds the best model at any time. So the child is only waited for as long as
        there is no model of this training.
        """
        training = self.session.training
        if training.active and self._written():
            self._child.detach()
        elif training.status == "running":
            self.session.set_status("stopping")
            self._child.stop()
        elif training.active:
            self._child.kill()

    def close(self) -> None:
        """End the child without waiting for it."""
        self._later.stop()
        self._child.close()
        if self.session.training.active:
            self.session.set_status("idle")
        self.session.project_changed.disconnect(self._leave_project)

    # ---------------------------------------------------------------- reports

    def _hear(self, fact: dict[str, Any]) -> None:
        event = fact.get("event")
        if event == "start":
            status = "stopping" if self.session.training.status == "stopping" else "running"
            self.session.set_status(status, used=fact)
        elif event == "report":
            self.session.add_report(fact)
            if fact["saved"]:
                self._preview()
        elif event == "message":
            self.session.say(fact["message"], "warning")
        elif event == "error":
            self._complaint = fact["message"]
        elif event == "end":
            self._ended = fact
            self._child.detach()  # torch takes its time to leave

    def _end(self, problem: str) -> None:
        self._later.stop()
        stopped = self.session.training.status == "stopping"
        there = self._written()
        if there:
            self._adopt()
        if problem and self._ended is None:
            kept = "; the best model so far is kept" if there else ""
            problem = f"{self._complaint or problem}{kept}"
            self.session.set_status("failed", problem=problem)
            self.session.say(problem, "error")
        elif there:
            self.session.set_status("done")
        else:
            self.session.set_status("idle")
            if stopped:
                self.session.say("The training was stopped before there was a model.")

    def _written(self) -> bool:
        """Whether there is a model of this training: its last report may be lost with the child."""
        return self._project is not None and written(self._project) != self._before

    def _adopt(self) -> None:
        """Make what was trained the model that predicts, with the thresholds that suit it."""
        if self._project is None or not self._project.has_model:
            return
        folder = self._project.model_folder
        with self.session.speaking():
            self.session.set_model(folder, ModelCard.read(folder).clustering)
            if self._predictor is not None and self.session.image is not None:
                self._predictor.image()

    # ---------------------------------------------------------------- preview

    def _preview(self) -> None:
        """Predict what is looked at with the newest model, not too often."""
        if not self.previewing or self._project is None or not self.session.training.active:
            return
        predictor = self._predictor
        if predictor is None or self.session.image is None:
            return
        wait = PREVIEW - self._since.elapsed() if self._since.isValid() else 0
        if predictor.running:  # by a person, or it is slow: never two at a time
            wait = max(wait, PREVIEW // 10)
        if wait > 0:
            if not self._later.isActive():
                self._later.start(wait)
            return
        self._since.start()
        self.session.set_model(self._project.model_folder, None)
        predictor.view()

    @property
    def _predictor(self) -> Any:
        return getattr(self.workspace, "predictor", None)

    def _leave_project(self) -> None:
        """Another project was opened: its last training is shown, this one ends."""
        project = self.session.project
        if project is self._project and project is not None:
            return
        if self.session.training.active:
            self._later.stop()
            self._child.close()
            self.session.say("The training was stopped: another project was opened.", "warning")
        used, reports = project.history.last() if project is not None else ({}, [])
        self.session.set_status("idle", reports=tuple(reports), used=used, problem="")


def written(project: Project) -> int | None:
    """Return when the project's model was written, in nanoseconds; None if there is none."""
    weights = project.model_folder / WEIGHTS
    return weights.stat().st_mtime_ns if weights.exists() else None

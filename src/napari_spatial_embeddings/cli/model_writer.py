"""Writer of the best model so far, and of a training's progress."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.errors import Failure, os_error_text
from napari_spatial_embeddings.inference.model_card import WEIGHTS

from .reporter import Reporter
from .stop_request import StopRequest

if TYPE_CHECKING:
    from napari_spatial_embeddings.training.train import Report


class ModelWriter:
    """Writes the best model whenever there is a better one, and once more in the end.

    So whoever cannot wait for the end of a training may kill it: the best model is on the disk.

    Parameters
    ----------
    folder : path
        For the model.
    reporter : Reporter
    stop : StopRequest
    """

    def __init__(self, folder: Path, reporter: Reporter, stop: StopRequest) -> None:
        self.folder, self.reporter, self.stop = folder, reporter, stop
        self._unsaved = self._failed = False

    def follow(self, reports: Iterator[Report]) -> Report | None:
        """Go through a training; return its last report, None if there was nothing to do.

        Raises
        ------
        Failure
            If the model cannot be written in the end.
        """
        last = None
        with self.stop.signals():
            for last in reports:
                self._unsaved |= last.improved
                if not last.done:
                    better = last.improved or (self._failed and self._unsaved)
                    self.reporter.progress(last, saved=better and self._save(last))
            if last is not None:
                self._finish(last)
        return last

    def _finish(self, report: Report) -> None:
        """Write the model as it is in the end: its history, and the thresholds that suit it."""
        try:
            if report.done or report.step > 0:  # else it is what the training started from
                report.model.save(self.folder)
        except OSError as error:
            raise Failure(self._refusal(error)) from error
        if report.done:
            self.reporter.progress(report, saved=True)
        elif not self.reporter.as_json:
            self.reporter.message("stopped; the best model so far is kept, and --resume goes on")
        found = _found(report)
        written = self._is_written()
        where = f"the model is in {self.folder}" if written else "there is no model yet"
        self.reporter.event(
            f"{_scores(found)}; {where}{_kept(report)}",
            "end",
            model=str(self.folder) if written else None,
            stopped=not report.done,
            best_step=report.best_step,
            verdict=report.verdict,
            **found,
        )

    def _save(self, report: Report) -> bool:
        """Write the model; a full disk costs only a message, as the one before is still there."""
        try:
            report.model.save(self.folder)
        except OSError as error:
            if not self._failed:
                self.reporter.message(f"{self._refusal(error)}; going on, and trying again")
            self._failed = True
            return False
        self._unsaved = self._failed = False
        return True

    def _refusal(self, error: OSError) -> str:
        kept = "; the one before is kept" if self._is_written() else ""
        return f"{self.folder}: the model cannot be written: {os_error_text(error)}{kept}"

    def _is_written(self) -> bool:
        return (self.folder / WEIGHTS).exists()


def _kept(report: Report) -> str:
    """Return which model is kept and why, unless it is the last one."""
    if not report.verdict:
        return ""
    which = f"the model of step {report.best_step}" if report.best_step else "the start model"
    return f"; {which} is kept rather than the last one: {report.verdict}"


def _found(report: Report) -> dict[str, Any]:
    """Return the validation of the model that is kept; empty before the first one."""
    history = report.model.history
    kept = [entry for entry in history if entry["step"] == report.best_step]
    return dict((kept if kept and report.verdict else history or [{}])[-1])


def _scores(found: dict[str, Any]) -> str:
    if not found:
        return "not validated yet"
    kind = "on held-out objects" if found["held_out"] else "on the training images"
    return f"AP50 {found['ap50']:.3f} {kind}"

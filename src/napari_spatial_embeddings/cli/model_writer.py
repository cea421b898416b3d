"""The best model so far, kept in a folder while a training goes on, and what is said about it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.errors import Failure, os_error_text
from napari_spatial_embeddings.inference.model_card import WEIGHTS

from .reporter import Teller
from .stop_request import Stopping

if TYPE_CHECKING:
    from napari_spatial_embeddings.training.train import Report


class Keeper:
    """Writes the best model whenever there is a better one, and once more in the end.

    Parameters
    ----------
    teller : Teller
    stopping : Stopping
    folder : path, optional
        Where the model goes; may be told later, but before the training.
    """

    def __init__(self, teller: Teller, stopping: Stopping, folder: Path | None = None) -> None:
        self.teller, self.stopping, self.folder = teller, stopping, folder
        self._last: Report | None = None
        self._pending = True
        self._ended = self._complained = False

    def follow(self, reports: Iterator[Report]) -> Report | None:
        """Go through a training; return its last report, None if there was nothing to do.

        Raises
        ------
        Failure
            If the model cannot be written in the end.
        """
        with self.stopping.signals():
            for report in reports:
                with self.teller.lock:
                    self._last = report
                    self._pending |= report.improved
                    last = report.done or self.stopping.asked()
                    better = report.improved or (self._complained and self._pending)
                    saved = better and not last and self._save(report)
                    if not report.done:
                        self.teller.report(report, saved)
                if last:
                    self._conclude()  # before the checkpoint is written: somebody waits
                    reports.close()  # type: ignore[attr-defined]
                    break
        return self._last

    def _conclude(self) -> None:
        """Keep the model as it is in the end, and say so; once."""
        with self.teller.lock:
            self.stopping.over()
            if self._last is not None and not self._ended:
                self._ended = True
                self._finish(self._last)

    def overdue(self) -> None:
        """End the process at once, from another thread, with the best model kept."""
        with self.teller.lock:
            if self._ended:
                return
            self._ended = True
            code = 0
            try:
                if self._last is not None and self._pending and _learned(self._last):
                    self._last.model.save(self.folder or Path())
                self.tell_end(stopped=True)
            except OSError as error:
                self.teller.say(self._refusal(error), "error", message=self._refusal(error))
                code = 1
            os._exit(code)

    def tell_end(self, stopped: bool) -> None:
        """Say that the training has ended, and where the model is."""
        there = self._there()
        history = self._last.model.history if self._last else []
        found = history[-1] if history else {}
        where = f"the model is in {self.folder}" if there else "there is no model yet"
        self.teller.say(
            f"{_result(found)}; {where}",
            "end",
            model=str(self.folder) if there else None,
            stopped=stopped,
            **found,
        )

    def _finish(self, report: Report) -> None:
        """Write the model as it is in the end: its history, and the thresholds that suit it."""
        try:
            if _learned(report):
                report.model.save(self.folder or Path())
        except OSError as error:
            raise Failure(self._refusal(error)) from error
        if report.done:
            self.teller.report(report, True)
        elif not self.teller.as_json:
            self.teller.mention("stopped; the best model so far is kept, and --resume goes on")
        self.tell_end(stopped=not report.done)

    def _save(self, report: Report) -> bool:
        """Write the model; a full disk costs only a sentence, as the one before is still there."""
        try:
            report.model.save(self.folder or Path())
        except OSError as error:
            if not self._complained:
                self.teller.mention(f"{self._refusal(error)}; going on, and trying again")
            self._complained = True
            return False
        self._pending = self._complained = False
        return True

    def _refusal(self, error: OSError) -> str:
        kept = "; the one before is kept" if self._there() else ""
        return f"{self.folder}: the model cannot be written: {os_error_text(error)}{kept}"

    def _there(self) -> bool:
        return self.folder is not None and (self.folder / WEIGHTS).exists()


def _learned(report: Report) -> bool:
    """Whether there is more to keep than what the training started from."""
    return report.done or report.step > 0


def _result(found: dict[str, Any]) -> str:
    if not found:
        return "not validated yet"
    kind = "on held-out images" if found["held_out"] else "on the training images"
    return f"AP50 {found['ap50']:.3f} {kind}"

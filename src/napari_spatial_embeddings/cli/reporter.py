"""Progress of a training on standard output: lines of JSON, or text and a bar."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.core.text import clock
from napari_spatial_embeddings.errors import to_message

if TYPE_CHECKING:
    from napari_spatial_embeddings.training.train import Report


log = logging.getLogger(__name__)


class Reporter:
    """Writes what happens to standard output, one whole line at a time.

    Parameters
    ----------
    as_json : bool
        Write lines of JSON, each with an ``event``, rather than text and a bar.
    quiet : bool
        Write nothing at all.
    stages : bool
        Write, as JSON only, what is done before the first step of a training.

    Attributes
    ----------
    listener : callable, optional
        Gets every event as well.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False, stages: bool = False) -> None:
        self.as_json, self.quiet, self.stages = as_json, quiet, stages
        self.listener: Callable[[dict[str, Any]], None] | None = None
        self._bar: Any = None
        self._stage = ""

    def event(self, text: str, event: str, **facts: object) -> None:
        """Write an event with its facts as JSON, or the text that stands for it."""
        self._emit({"event": event, **facts})
        if not (self.as_json or self.quiet):
            self._line(text)

    def stage(self, text: str) -> None:
        """Write what is done before the first step, which takes some seconds."""
        self._stage = text
        self.aside(text)

    def aside(self, text: str = "") -> None:
        """Write what is done meanwhile, at any time; the stage before goes on without a text."""
        if self.as_json and self.stages:
            self._line(json.dumps({"event": "stage", "stage": text or self._stage}))

    def message(self, text: str) -> None:
        """Write a message for the user."""
        self.event(text, "message", message=text)

    def progress(self, report: Report, *, saved: bool) -> None:
        """Write the state of a training, and whether its model was written just now."""
        self._stage = ""
        self._emit({**to_dict(report), "saved": saved})
        if not (self.as_json or self.quiet):
            self._show(report)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Write errors that are raised inside as events, too."""
        try:
            yield
        except Exception as error:
            self.close()
            self._emit({"event": "error", "message": to_message(error)})
            raise

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()

    def _emit(self, event: dict[str, Any]) -> None:
        if self.listener is not None:
            self.listener(event)
        if self.as_json:
            self._line(json.dumps(event))

    def _line(self, text: str) -> None:
        try:
            if self._bar is not None:
                self._bar.write(text)
            else:
                sys.stdout.write(text + "\n")
            sys.stdout.flush()
        except OSError as error:  # the reader is gone: the work matters more
            log.warning("no more output: %s", error)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _show(self, report: Report) -> None:
        from tqdm import tqdm

        if self._bar is None:
            # A bar is for terminals: without one, the lines that are written are enough.
            form = "{desc} |{bar}| {postfix}"
            self._bar = tqdm(total=1.0, disable=None, bar_format=form, leave=False)
        bar, total = self._bar, report.seconds + report.seconds_left
        bar.n = 1.0 if report.done else report.seconds / max(total, 1e-9)
        left = f"{clock(report.seconds_left)} left"
        bar.set_description_str(f"step {report.step}, loss {report.loss:.3f}", refresh=False)
        bar.set_postfix_str(f"{left}, {report.steps_per_second:.1f} steps/s")
        if report.message:
            self._line(report.message)
        if report.validation is not None:
            found = report.validation
            kind = "" if found.held_out else " (on the training images)"
            loss = f"loss {report.loss:6.3f}" if report.step else "at first"
            self._line(
                f"{report.seconds:6.0f} s  step {report.step:6d}  {loss:11}  "
                f"AP50 {found.ap50:.3f}  mean AP {found.mean_ap:.3f}{kind}"
            )
            if report.verdict:
                self._line(f"           not taken: {report.verdict}")


def to_dict(report: Report) -> dict[str, Any]:
    """Return a report as an event for JSON; a value that is not finite is null."""
    out = {k: getattr(report, k) for k in report.__slots__ if k not in ("model", "validation")}
    for key, value in out.items():
        if isinstance(value, float):
            out[key] = round(value, 6) if math.isfinite(value) else None
    out["validation"] = asdict(report.validation) if report.validation else None
    return {"event": "report", **out}

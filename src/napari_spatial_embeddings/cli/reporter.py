"""What ``train`` says while it works: lines of JSON for programs, a bar and text for people."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.errors import to_message
from napari_spatial_embeddings.text import clock

if TYPE_CHECKING:
    from napari_spatial_embeddings.training.train import Report


log = logging.getLogger(__name__)


class Teller:
    """Says what happens, from any thread, one whole line at a time.

    Parameters
    ----------
    as_json : bool
        Write lines of JSON, each with an ``event``, rather than text and a bar.
    quiet : bool
        Say nothing at all.

    Attributes
    ----------
    notes : callable, optional
        Gets every event, however it is told.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet
        self.notes: Callable[[dict[str, Any]], None] | None = None
        self.lock = threading.RLock()
        self._bar: Any = None

    def say(self, text: str, event: str, **facts: object) -> None:
        """Tell people a text, or programs an event with its facts."""
        if self._told({"event": event, **facts}):
            return
        if not self.quiet:
            self._line(text)

    def mention(self, text: str) -> None:
        """Tell something that nobody asked for, but should know."""
        self.say(text, "message", message=text)

    def report(self, report: Report, saved: bool) -> None:
        """Tell where a training stands, and whether its model was written just now."""
        if not self._told({**plain(report), "saved": saved}) and not self.quiet:
            self._show(report)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Tell programs, too, what goes wrong inside."""
        try:
            yield
        except Exception as error:
            self.close()
            self._told({"event": "error", "message": to_message(error)})
            raise

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def _told(self, fact: dict[str, Any]) -> bool:
        """Note an event, and tell it if programs listen; return whether they do."""
        with self.lock:
            if self.notes is not None:
                self.notes(fact)
            if self.as_json:
                self._line(json.dumps(fact))
        return self.as_json

    def _line(self, text: str) -> None:
        with self.lock:
            try:
                if self._bar is not None:
                    self._bar.write(text)
                else:
                    sys.stdout.write(text + "\n")
                sys.stdout.flush()
            except OSError as error:  # whoever listened is gone: the work matters more
                log.warning("nothing more is told: %s", error)
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


def plain(report: Report) -> dict[str, Any]:
    """Return a report as JSON takes it; what is not a number is null."""
    out = {k: getattr(report, k) for k in report.__slots__ if k not in ("model", "validation")}
    for key, value in out.items():
        if isinstance(value, float):
            out[key] = round(value, 6) if math.isfinite(value) else None
    out["validation"] = asdict(report.validation) if report.validation else None
    return {"event": "report", **out}

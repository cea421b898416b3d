"""Reports of a project's trainings, ``history.jsonl``: one line of JSON each."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_spatial_embeddings.system.atomic import write_atomically

MAX_LINES = 20_000
"""Lines that are kept; the oldest ones go."""

REPORT_SECONDS = 5.0
"""Seconds between two reports that are noted, unless there is more to them than numbers."""


EXCHANGE = "exchange"
"""Event: the model and the one before the last training changed places."""


@dataclass(frozen=True, slots=True)
class LastTraining:
    """What is known of a project's last training; all is empty if there was none.

    Where a training was resumed, it is one with what was before.

    Parameters
    ----------
    start : dict
        Its start event.
    reports : list of dicts
    wrote : bool
        Whether it wrote a model.
    back : bool
        Whether the model from before it was taken again.
    """

    start: dict[str, Any] = field(default_factory=dict)
    reports: list[dict[str, Any]] = field(default_factory=list)
    wrote: bool = False
    back: bool = False


class History:
    """A file to which trainings add what they report.

    A note is not worth a training: what cannot be written is left out.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = -REPORT_SECONDS
        self._lines = 0

    def note(self, fact: Mapping[str, Any]) -> None:
        """Add an event; of plain reports, one every `REPORT_SECONDS` seconds."""
        now = time.monotonic()
        plain = not (fact.get("validation") or fact.get("message") or fact.get("done"))
        if fact.get("event") == "report" and plain and now - self._last < REPORT_SECONDS:
            return
        self._last = now
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), **fact})
        with suppress(OSError):
            self._trim()
            with self.path.open("ab") as file:
                file.write(f"{line}\n".encode())
            self._lines += 1

    def read(self) -> list[dict[str, Any]]:
        """Return all that is kept, the oldest first; a line that was cut off is left out."""
        if not self.path.exists():
            return []
        facts = []
        for line in self.path.read_bytes().splitlines():
            with suppress(ValueError):
                facts.append(json.loads(line))
        return [fact for fact in facts if isinstance(fact, dict)]

    def last(self) -> LastTraining:
        """Return what is known of the last training."""
        start, wrote, back = dict[str, Any](), False, False
        reports: list[dict[str, Any]] = []
        first = math.inf  # the step that a resumed training went on from
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        for line in reversed(lines):
            with suppress(ValueError):
                fact = json.loads(line)
                event = fact.get("event") if isinstance(fact, dict) else None
                if event == "start":
                    start, first = fact, reports[-1].get("step", 0) if reports else first
                    if not fact.get("resumed"):
                        break
                if event == "report":
                    wrote |= bool(fact.get("saved"))
                    # What was done after its checkpoint was done again.
                    if fact.get("step", 0) <= first:
                        reports.append(fact)
                if event == "end":
                    wrote |= fact.get("model") is not None
                if event == EXCHANGE:
                    back = not back
        return LastTraining(start, reports[::-1], wrote, back)

    def _trim(self) -> None:
        """Drop old lines now and then, and the remains of a line that was cut off."""
        if 0 < self._lines < MAX_LINES // 10 or not self.path.exists():
            return
        lines = self.path.read_bytes().split(b"\n")
        kept = [line for line in lines[:-1][-MAX_LINES:] if line]
        if lines[-1] or len(kept) < len(lines) - 1:
            write_atomically(self.path, b"".join(line + b"\n" for line in kept))
        self._lines = 1

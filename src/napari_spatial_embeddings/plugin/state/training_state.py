"""State of a training, and what became of its model in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from napari_spatial_embeddings.core.text import sentence

Status = Literal["idle", "starting", "running", "stopping", "done", "failed"]

Report = dict[str, Any]
"""As ``train --json`` writes it."""

ENOUGH_STEPS = {True: 100, False: 600}
"""Steps below which a model has learned little, by whether its start model was trained."""

SETTLED_SECONDS = 15.0
"""Seconds of training after which its speed is known."""

SAME = 0.005
"""Mean APs that differ by less are shown as the same."""


@dataclass(frozen=True, slots=True)
class TrainingState:
    """State of the training, as its child process reports it.

    Parameters
    ----------
    status : str
        "stopping" once a stop was requested; "failed" if the child ended without a model.
    reports : tuple of dicts
        Its reports so far, see ``train --json``; the last one is the newest.
    problem : str
        Why it failed, as a sentence.
    used : dict
        What it trains on and where, from its first report.
    stage : str
        What it does before its first step, or between two reports.
    wrote : bool
        Whether it wrote a model.
    back : bool
        Whether the model from before it was taken again.
    """

    status: Status = "idle"
    reports: tuple[Report, ...] = field(default=())
    problem: str = ""
    used: dict[str, Any] = field(default_factory=dict)
    stage: str = ""
    wrote: bool = False
    back: bool = False

    @property
    def active(self) -> bool:
        """Whether a child process is running."""
        return self.status in ("starting", "running", "stopping")

    @property
    def trained_start(self) -> bool:
        """Whether its start model was trained: only a better one replaces that."""
        return bool(self.used.get("start"))

    @property
    def better(self) -> bool:
        """Whether a better model than the start model was found."""
        return any(report.get("improved") and report["step"] for report in self.reports)

    @property
    def replaced(self) -> bool:
        """Whether it ended with another model than its start model."""
        return self.wrote and not self.active and (self.better or not self.trained_start)

    @property
    def seconds_left(self) -> float:
        """Seconds that it had left when it was stopped or cut off; 0 if it is running or done."""
        last = self.reports[-1] if self.reports else {"done": True}
        return 0.0 if self.active or last.get("done") else float(last["seconds_left"])

    @property
    def outcome(self) -> str:
        """What became of the model so far, as a sentence; empty while nothing is known."""
        validated = [report for report in self.reports if report.get("validation")]
        ended = self.status == "done" or any(report.get("done") for report in self.reports[-1:])
        if self.back:
            return "The model from before this training is used again."
        if ended and validated:
            last = sentence(self.reports[-1].get("message") or "")
            return f"{last or self.pace} {gain(validated)}".strip()
        if self.active and self.pace:
            return self.pace
        if self.active and self.trained_start and len(validated) > 1 and not self.better:
            return "Not better than the model before yet, which is kept until one is."
        return ""

    @property
    def pace(self) -> str:
        """What to do if there is no time for the steps that a model needs, as a sentence; or ""."""
        last = self.reports[-1] if self.reports else {"step": 0}
        step, seconds = last["step"], last.get("seconds", 0.0)
        if not step or seconds < SETTLED_SECONDS or not (self.active or last.get("done")):
            return ""
        enough = ENOUGH_STEPS[self.trained_start]
        expected = step * (1 + last["seconds_left"] / seconds)
        if expected >= enough:
            return ""
        missing = enough if self.active else enough - step
        minutes = math.ceil(missing * seconds / step / 60)
        few = f"and a model needs some {enough}"
        if self.active:
            return (
                f"This will be about {expected:.0f} steps in this time, {few}: end other programs,"
                f" or stop, and set {minutes} min."
            )
        return f"Only {step} steps, {few}: train on for {minutes} min."


def gain(validated: Sequence[Report]) -> str:
    """Return how much better a model became, as a sentence.

    Parameters
    ----------
    validated : sequence of dicts
        The reports that come with a validation. The first is that of the start model, if there was
        one.
    """
    first, better = validated[0], [r for r in validated if r.get("improved") and r["step"]]
    which = kind_of(first["validation"])
    if first["step"]:
        text = f"{share_right((better or validated)[-1]['validation'])} of the {which} are right."
    elif not better:
        return f"No better on the {which}: the model before is kept."
    else:
        text = _change(first["validation"], better[-1]["validation"], which)
    seen = "" if first["validation"]["held_out"] else " It was trained on these: look at others."
    return text + seen


def _change(before: Mapping[str, Any], after: Mapping[str, Any], which: str) -> str:
    then, now = share_right(before), share_right(after)
    if then != now:
        return f"Of the {which}, {then} were right before, and {now} are now."
    if after["mean_ap"] >= before["mean_ap"] + SAME:
        return f"Outlines of the {which} fit better; {now} are right, as before."
    return f"Of the {which}, {now} are right, as before."


def kind_of(validation: Mapping[str, Any]) -> str:
    """Return which objects a validation is about."""
    what = "scribbles" if validation.get("scribbles") else "objects"
    return f"{'held-out' if validation['held_out'] else 'annotated'} {what}"


def share_right(validation: Mapping[str, Any]) -> str:
    """Return the share of objects that are right, AP50: "93%"."""
    return f"{validation['ap50']:.0%}"

"""State of a training, and what became of its model in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["idle", "starting", "running", "stopping", "done", "failed"]

Report = dict[str, Any]
"""As ``train --json`` writes it."""

SAME = 0.005
"""Scores that differ by less are shown as the same."""


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
        What it does before its first step.
    """

    status: Status = "idle"
    reports: tuple[Report, ...] = field(default=())
    problem: str = ""
    used: dict[str, Any] = field(default_factory=dict)
    stage: str = ""

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
    def outcome(self) -> str:
        """What became of the model so far, as a sentence; empty while nothing is known."""
        validated = [report for report in self.reports if report.get("validation")]
        if self.status == "done" and validated:
            return gain(validated)
        if self.active and self.trained_start and len(validated) > 1 and not self.better:
            return "Not better than the model before yet, which is kept until one is."
        return ""


def gain(validated: Sequence[Report]) -> str:
    """Return how much better a model became, as a sentence.

    Parameters
    ----------
    validated : sequence of dicts
        The reports that come with a validation. The first is that of the start model, if there was
        one.
    """
    first, better = validated[0], [r for r in validated if r.get("improved") and r["step"]]
    held_out = first["validation"]["held_out"]
    where = "held-out annotations" if held_out else "the annotated objects"
    if first["step"]:
        score = (better or validated)[-1]["validation"]["ap50"]
        return f"AP50 on {where} is {score:.2f}; 1 means all found, and nothing else."
    if not better:
        return f"It did not become better on {where}: the model before is kept."
    before, after = first["validation"], better[-1]["validation"]
    if abs(after["ap50"] - before["ap50"]) >= SAME:
        moved = "rose" if after["ap50"] > before["ap50"] else "fell"
        return f"AP50 on {where} {moved} from {before['ap50']:.2f} to {after['ap50']:.2f}."
    if after["mean_ap"] >= before["mean_ap"] + SAME:
        return (
            f"Outlines on {where} fit better: mean AP {before['mean_ap']:.2f} before,"
            f" {after['mean_ap']:.2f} now; AP50 is still {after['ap50']:.2f}."
        )
    return f"On {where} it is as good as before: AP50 {after['ap50']:.2f}."

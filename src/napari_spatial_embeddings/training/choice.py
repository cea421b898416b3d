"""Choice of the best model of a training, by the scores of its validations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .held_out import MOST

TOLERANCE = 0.3
"""What the latest model may score less than the best one on held-out objects, times their number.

Three objects differ by more than 0.1 by chance, and most kinds of images gain from more steps.
"""

FALL, FALLS = 0.1, 3
"""How far below the best score, on held-out objects, how many validations in a row end a training.

One of them is often that low by chance.
"""

START_SHARE = 0.25
"""Largest share of the start model's weights in those that are kept, if few objects are scored.

A few objects do not show what a network forgets of others; a share of the weights it had keeps much
of that, and costs little of what it learns.
"""


class Verdict(StrEnum):
    """Outcome of a validation: whether the model replaces the best one, or why not."""

    TAKEN = "taken"
    NOT_BETTER = "it segments held-out objects less well"
    FITS_LESS = "it fits the annotations less well than the start model"


@dataclass
class Choice:
    """The best model so far, as the scores show it.

    Without held-out images the score cannot distinguish the best model from an overfitted one: then
    the latest, of the lowest learning rate, is kept, if it scores no less than the start. With
    them, the latest is kept that scores about as high as any before.

    Parameters
    ----------
    held_out : bool
        Whether the scored objects are kept out of the training.
    objects : int
        Number of scored objects.
    whole : bool
        Whether some scored objects are annotated whole: scores of scribbles alone measure nothing.
    best_ap, start_ap : float
        Highest mean AP so far, or the last one if nothing is held out; and that of the start model
        if it was validated. Below 0 if unknown.
    best_step : int
        Step that the best model was found at; 0 for the start model.
    verdict : Verdict
        Outcome of the last validation.
    falls : int
        Number of the last validations that were plainly below the best one.
    """

    held_out: bool
    objects: int
    whole: bool = True
    best_ap: float = -1.0
    start_ap: float = -1.0
    best_step: int = 0
    verdict: Verdict = Verdict.TAKEN
    falls: int = 0

    def judge(self, mean_ap: float, step: int) -> bool:
        """Return whether the model of a step, which has this score, is the best one now."""
        if self.held_out:
            tolerance = TOLERANCE / max(1, self.objects)
            taken = mean_ap >= max(self.start_ap, self.best_ap - tolerance)
            fallen = mean_ap < self.best_ap - max(FALL, tolerance)
            self.falls = self.falls + 1 if fallen else 0
            self.best_ap = max(self.best_ap, mean_ap)
        else:
            taken = mean_ap >= self.start_ap
            self.best_ap = mean_ap if taken else self.best_ap
        lower = Verdict.NOT_BETTER if self.held_out else Verdict.FITS_LESS
        self.verdict = Verdict.TAKEN if taken else lower
        if taken:
            self.best_step = step
        return taken

    @property
    def enough(self) -> bool:
        """Whether the scores are of many objects, none of which is trained on."""
        return self.held_out and self.objects > MOST

    @property
    def start_share(self) -> float:
        """Share of the start model's weights in those that are kept.

        Half of its mean AP on the annotations, but not more than `START_SHARE`: one that hardly
        finds them knows little that could be forgotten. For scribbles, that is not known.
        """
        if self.enough:
            return 0.0
        return min(START_SHARE, max(0.0, self.start_ap / 2)) if self.whole else START_SHARE

    @property
    def fallen(self) -> bool:
        """Whether further training only makes the model worse, as far as the scores show."""
        return self.falls >= FALLS

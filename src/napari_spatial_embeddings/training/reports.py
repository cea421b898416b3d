"""Progress reports of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from napari_spatial_embeddings.core.loss import Losses
from napari_spatial_embeddings.inference.model import SpatialEmbeddings

from .choice import Verdict
from .trainer import Trainer
from .validation import Validation


@dataclass(frozen=True, slots=True)
class Report:
    """Progress of a training.

    Parameters
    ----------
    step : int
    epoch : float
    seconds, seconds_left : float
        Time of training, over all sessions of a resumed one, and the expected rest.
    steps_per_second : float
    learning_rate : float
    loss, instance, variance, seed : float
        Means since the last report; the loss and its weighted parts.
    crop : tuple of ints
        Edges of the crops, pixels.
    batch_size : int
    validation : Validation, optional
        If this report comes with a new one.
    improved : bool
        Whether that validation found a better ``model`` than before.
    verdict : str
        Why it did not, as half a sentence about the model; empty if it did, or if there is none.
    model : SpatialEmbeddings
        The best so far; until something is validated, the running average of the weights.
    best_step : int
        Step that ``model`` was found at; 0 as long as it is the start model.
    message : str
        A notice for the user, or empty.
    done : bool
        Whether this is the last report.
    """

    step: int
    epoch: float
    seconds: float
    seconds_left: float
    steps_per_second: float
    learning_rate: float
    loss: float
    instance: float
    variance: float
    seed: float
    crop: tuple[int, ...]
    batch_size: int
    validation: Validation | None
    model: SpatialEmbeddings
    best_step: int = 0
    improved: bool = False
    verdict: str = ""
    message: str = ""
    done: bool = False


class ReportBuilder:
    """Collects the losses of a training between two reports.

    Parameters
    ----------
    trainer : Trainer
        The training, which is only read.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self._means = [math.nan] * 4
        self._speed = 0.0
        self._reset()

    def _reset(self) -> None:
        self._sums: list[torch.Tensor] = []
        self._start, self._first_step = self.trainer.clock(), self.trainer.steps

    def seconds(self) -> float:
        """Return the seconds since the last report."""
        return self.trainer.clock() - self._start

    def add(self, losses: Losses) -> None:
        """Add the losses of a step."""
        parts = (losses.total, losses.instance, losses.variance, losses.seed)
        self._sums.append(torch.stack([p.detach() for p in parts]))

    def report(
        self,
        validation: Validation | None = None,
        message: str = "",
        done: bool = False,
    ) -> Report:
        """Return a report on the steps since the last one, and start over."""
        run = self.trainer
        if self._sums:
            self._means = torch.stack(self._sums).mean(0).tolist()
        if (
            steps := run.steps - self._first_step
        ):  # two reports may follow each other without a step
            self._speed = steps / max(1e-9, self.seconds())
        progress, elapsed = run.progress(), run.elapsed()
        left = elapsed * (1 / progress - 1) if 0 < progress < 1 and not done else 0.0
        if not elapsed and math.isfinite(budget := run.settings.budget[0]):
            left = budget
        loss, instance, variance, seed = self._means
        crop, batch_size = run.stage
        taken = run.choice.verdict is Verdict.TAKEN
        report = Report(
            step=run.steps,
            epoch=run.steps / run.epoch_steps,
            seconds=elapsed,
            seconds_left=max(0.0, left),
            steps_per_second=self._speed,
            learning_rate=run.optimizer.rate,
            loss=loss,
            instance=instance,
            variance=variance,
            seed=seed,
            crop=crop,
            batch_size=batch_size,
            validation=validation,
            model=run.best,
            best_step=run.choice.best_step,
            # The start model is no better than itself.
            improved=validation is not None and taken and run.steps > 0,
            verdict="" if validation is None or taken else str(run.choice.verdict),
            message=message,
            done=done,
        )
        self._reset()
        return report

"""State of a training: optimizer steps, validations, memory, and the time spent."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings, TrainingSettings
from napari_spatial_embeddings.core.loss import Losses
from napari_spatial_embeddings.core.metrics import mean_ap
from napari_spatial_embeddings.core.network import multiple, rounded
from napari_spatial_embeddings.errors import OutOfMemory, is_out_of_memory
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import Places
from napari_spatial_embeddings.system.cancellation import Cancellable

from .adamw import AdamW
from .annotation import TrainingImage
from .choice import Choice
from .flat_weights import FlatWeights
from .gradients import Gradients
from .pseudo_labels import find_pseudo_background, with_background
from .sampler import Batch, Sampler
from .validation import Validation, calibrate, evaluate, predict_maps, scored_objects

WARM_UP = 100
"""Steps over which the learning rate rises."""

FIRST_VALIDATION_SECONDS = 10.0
"""Seconds of training before the first validation: early, since users wait for the first result."""

SETTLED = 0.5
"""Share of the budget from which on a fall of the scores counts in a training from scratch."""


@dataclass
class Trainer:
    """State of a training, and the operations on it; `train.train` calls them in order.

    Parameters
    ----------
    settings : TrainingSettings
    sampler : Sampler
        Batches of crops from the training images.
    choice : Choice
        Of the best model, by its scores on the validation images.
    validation : list of TrainingImage
    best : SpatialEmbeddings
        The average that was chosen.
    average : SpatialEmbeddings
        Running average of the network's weights.
    weights : FlatWeights
        What is trained.
    average_weights : FlatWeights
        Those of ``average``.
    gradients : Gradients
        Of ``weights``.
    optimizer
        Of ``weights``; ``learning_rate`` is the highest one.
    device : torch.device
    batch_size : int
    crop : tuple of D ints, pixels
    epoch_steps : float
        Steps of an epoch.
    learned : bool
        Whether the start model was trained before.
    places : Places, optional
        Those of the start model; None if they are not known.
    steps : int
        Steps done, over all sessions.
    spent : float
        Seconds of training in earlier sessions.
    clock : callable
        Time in seconds, from any origin.
    started : float, optional
        Start of this session's training, by ``clock``.
    validated_at : float
        Seconds of training at the last validation.
    validation_cost : float
        Seconds that the last validation took.
    start : FlatWeights, optional
        The start model's, if a share of them is kept.
    completed : list of TrainingImage, optional
        The training images with completed scribbles, if there are any.
    pseudo_background : list of bool (*S), optional
        Pseudo-background of each of the sampler's images.
    """

    settings: TrainingSettings
    sampler: Sampler
    choice: Choice
    validation: list[TrainingImage]
    best: SpatialEmbeddings
    average: SpatialEmbeddings
    weights: FlatWeights
    average_weights: FlatWeights
    gradients: Gradients
    optimizer: AdamW
    learning_rate: float
    device: torch.device
    batch_size: int
    crop: tuple[int, ...]
    epoch_steps: float
    learned: bool
    places: Places | None = None
    steps: int = 0
    spent: float = 0.0
    clock: Callable[[], float] = time.monotonic
    started: float | None = None
    validated_at: float = 0.0
    validation_cost: float = 0.0
    start: FlatWeights | None = None
    completed: list[TrainingImage] | None = None
    pseudo_background: list[NDArray[np.bool_]] | None = None
    _batches: Iterator[list[Batch]] | None = None
    _stage: tuple[tuple[int, ...], int, float] | None = None

    def progress(self) -> float:
        """Return the spent share of the budget; 1 or more is the end."""
        seconds, epochs = self.settings.budget
        # Rounded: 7/6 + 1 epochs of 6 steps are 13 steps, and not a bit more, which would be 14.
        steps = max(1e-6, round(epochs * self.epoch_steps, 6))
        return max(self.elapsed() / seconds, self.steps / steps)

    def elapsed(self) -> float:
        """Return the seconds of training so far, over all sessions."""
        return self.spent + (0.0 if self.started is None else self.clock() - self.started)

    @property
    def overtrained(self) -> bool:
        """Whether the training is to end before its time, as it only learns by heart, or forgets.

        From scratch, scores may fall in the beginning: there, only in the second half.
        """
        return self.choice.fallen and (self.learned or self.progress() >= SETTLED)

    def start_clock(self) -> None:
        """Spend the budget from now on: the preparation is not counted."""
        self.started = self.clock()

    def pause(self) -> float:
        """Return the seconds of training between the last validation and the next.

        A model changes fastest in the beginning: the pauses double, up to an eighth of the budget.
        Nine tenths of the time go into steps, unless the settings ask for more validations.
        """
        often = min(self.settings.budget[0] / 8, max(FIRST_VALIDATION_SECONDS, self.validated_at))
        return min(self.settings.validation_seconds, max(often, 9 * self.validation_cost))

    def since_validation(self) -> float:
        """Return the seconds since the last validation."""
        return self.elapsed() - self.validated_at

    def find_pseudo_background(self) -> Cancellable[None]:
        """Add, by pieces, pseudo-background that the start model predicts, if it was trained."""
        if self.settings.pseudo_labels and self.learned:
            images = self.sampler.images
            found = yield from find_pseudo_background(
                self.average, images, self.crop, str(self.device)
            )
            self.add_pseudo_background(found)

    def add_pseudo_background(self, where: list[NDArray[np.bool_]]) -> None:
        """Take unknown pixels of the sampler's images for background in these masks."""
        self.pseudo_background = where
        images = zip(self.sampler.images, where, strict=True)
        self.sampler = replace(self.sampler, images=[with_background(i, w) for i, w in images])

    def step(self, progress: float) -> Losses:
        """Do one step of the optimizer.

        The weights stay as they are if it runs out of memory, or if the gradient is not finite.
        """
        late = progress >= 1 - self.settings.large_crop_share
        parts = self._next(late)
        rate = self.learning_rate * max(0.0, 1 - progress) ** 0.9
        rate *= min(1.0, (self.steps + 1) / WARM_UP)
        self.optimizer.rate = rate
        losses = self.gradients.compute(parts)
        if bool(torch.nn.utils.clip_grad_norm_(self.optimizer.vectors, 10.0).isfinite()):
            self.optimizer.step()
            self.update_average()
        self.steps += 1
        return losses

    @property
    def stage(self) -> tuple[tuple[int, ...], int]:
        """Shape and number of the crops of the last step; of the next one before the first."""
        return self._stage[:2] if self._stage else (self.crop, self.batch_size)

    def _next(self, late: bool) -> list[Batch]:
        ndim = self.best.settings.ndim
        # Larger crops in smaller batches keep the cost and the memory of a step about the same.
        factor = self.settings.large_crop_factor if late else 1.0
        size = max(1, round(self.batch_size / factor**ndim))
        crop = rounded([c * factor for c in self.crop], self.best.settings)
        centred = 0.5 if late else 0.9
        if self._batches is None or self._stage != (crop, size, centred):
            self.close()
            self._stage = crop, size, centred
            parts = self.gradients.parts(size)
            self._batches = self.sampler.batches(self.steps, size, crop, centred, parts)
        return next(self._batches)

    @torch.no_grad()
    def update_average(self) -> None:
        """Move the average towards the weights; faster in the beginning.

        Each of these comes with a share of the start model's, and so does the average.
        """
        decay = min(self.settings.average, (1 + self.steps) / (10 + self.steps))
        share = self.choice.start_share if self.start is not None else 0.0
        values = self.weights.values
        if self.start is not None and share:
            values = values.lerp(self.start.values, share)
        self.average_weights.values.lerp_(values, 1 - decay)

    def shrink(self, error: BaseException) -> str:
        """Halve the batch, then the crop, after running out of memory; return a message."""
        if not is_out_of_memory(error):
            raise error
        self.close()
        if self.batch_size > 1:
            self.batch_size //= 2
            text = f"halving the batch to {self.batch_size}"
        elif max(self.crop) >= 2 * max(32, *multiple(self.best.settings)):
            self.crop = rounded([c / 2 for c in self.crop], self.best.settings)
            text = f"halving the crops to {' x '.join(map(str, self.crop))} pixels"
        else:
            raise OutOfMemory(
                f"{self.device} has too little memory for a single crop of"
                f" {' x '.join(map(str, self.crop))} pixels; close other programs, choose a"
                " smaller width, or train on the cpu"
            ) from error
        # The error's frames keep the failed step's variables alive: exactly what did not fit.
        traceback.clear_frames(error.__traceback__)
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return f"out of memory: {text} and going on"

    def validate(self) -> Cancellable[Validation]:
        """Score the averaged weights, by pieces, and keep them if they are the best."""
        start = self.clock()
        maps = yield from predict_maps(self.average, self.validation, str(self.device))
        scores = yield from evaluate(maps, self.validation, self.best.clustering)
        self.validation_cost = self.clock() - start
        ap = mean_ap(scores)
        choice = self.choice
        found = Validation(
            float(ap[0]), float(ap.mean()), choice.held_out, choice.objects, not choice.whole
        )
        if choice.judge(found.mean_ap, self.steps):
            self.best.network.load_state_dict(self.average.network.state_dict())
        self.best.history.append(
            {
                "step": self.steps,
                "seconds": round(self.elapsed(), 1),
                "ap50": round(found.ap50, 4),
                "mean_ap": round(found.mean_ap, 4),
                "held_out": found.held_out,
            }
        )
        self.validated_at = self.elapsed()
        return found

    def update_unvalidated_best(self) -> None:
        """Copy the averaged weights into ``best``, if nothing was validated yet."""
        if self.choice.best_ap < 0:
            self.best.network.load_state_dict(self.average.network.state_dict())

    def choose_thresholds(self) -> Cancellable[None]:
        """Choose the best model's thresholds on the validation images, and calibrate its scores.

        The start model's thresholds and the default ones come first. For a trained start model, no
        others are tried on the images that it was trained further on, or on a few objects; none are
        on scribbles, beside which what is found counts for nothing.
        """
        maps = yield from predict_maps(self.best, self.validation, str(self.device))
        own = self.best.clustering
        default = ClusteringSettings(min_size=own.min_size)
        self.best.clustering = yield from calibrate(
            maps,
            self.validation,
            [own, default],
            others=self.choice.whole and (self.choice.enough or not self.learned),
        )
        if self.choice.held_out:  # else it would promise too much
            found = yield from scored_objects(maps, self.validation, self.best.clustering)
            before = self.best.calibration
            self.best.calibration = found.calibration("held-out objects of its training", before)

    def close(self) -> None:
        """Stop making batches, and let go of threads."""
        self.gradients.close()
        if self._batches is not None:
            self._batches.close()  # type: ignore[attr-defined]
            self._batches = None

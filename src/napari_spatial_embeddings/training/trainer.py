"""The state of a training and what is done with it, one step at a time; `training` drives it."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings, TrainingSettings
from napari_spatial_embeddings.core.loss import Losses, spatial_embedding_loss
from napari_spatial_embeddings.core.maps import split
from napari_spatial_embeddings.core.metrics import mean_ap
from napari_spatial_embeddings.core.network import channels_last, multiple, rounded
from napari_spatial_embeddings.errors import OutOfMemory, is_out_of_memory
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.system.cancellation import Cancellable

from .annotation import TrainingImage
from .pseudo_labels import presuming, with_background
from .sampler import Batch, Sampler
from .validation import Validation, calibrating, evaluating, predicting

WARM_UP = 100
"""Steps over which the learning rate rises."""

FIRST = 10.0
"""Seconds after which a model is validated first, and shown: people wait for it."""


@dataclass
class Trainer:
    """The state of a training, and what is done with it.

    ``network`` is what learns, ``average`` follows it, ``best`` is the average that scored highest;
    ``completed`` are the images with whole objects in place of strokes, if there are any, and
    ``presumed`` is where each of the sampler's images was presumed to be background;
    ``floor`` is what the model that it started from scored, if that was asked, ``improved`` whether
    the last validation found a new best, and ``cost`` how many seconds it took.
    """

    settings: TrainingSettings
    sampler: Sampler
    held_out: bool
    validation: list[TrainingImage]
    best: SpatialEmbeddings
    average: SpatialEmbeddings
    network: torch.nn.Module
    optimizer: torch.optim.AdamW
    learning_rate: float
    device: torch.device
    batch_size: int
    crop: tuple[int, ...]
    epoch_steps: float
    learned: bool
    best_ap: float = -1.0
    floor: float = -1.0
    improved: bool = False
    steps: int = 0
    spent: float = 0.0
    clock: float | None = None
    validated: float = 0.0
    cost: float = 0.0
    completed: list[TrainingImage] | None = None
    presumed: list[NDArray[np.bool_]] | None = None
    _batches: Iterator[Batch] | None = None
    _stage: tuple[tuple[int, ...], int, float] | None = None

    def progress(self) -> float:
        """How much of the budget is spent, 0 to 1."""
        seconds, epochs = self.settings.budget
        # Rounded: 7/6 + 1 epochs of 6 steps are 13 steps, and not a bit more, which would be 14.
        steps = max(1e-6, round(epochs * self.epoch_steps, 6))
        return max(self.elapsed() / seconds, self.steps / steps)

    def elapsed(self) -> float:
        """Return the seconds spent so far, over all sessions."""
        return self.spent + (0.0 if self.clock is None else time.monotonic() - self.clock)

    def start_clock(self) -> None:
        """Let the budget be spent from now on: what went before is no training."""
        self.clock = time.monotonic()

    def pause(self) -> float:
        """Return the seconds between two validations.

        In the beginning a model changes fastest, and each comes when twice as much time is spent as
        at the one before; a short training has some more. But nine tenths of the time go into
        learning, unless the settings ask for more validations than that.
        """
        often = min(self.settings.budget[0] / 8, max(FIRST, self.validated))
        return min(self.settings.validation_seconds, max(often, 9 * self.cost))

    def since_validation(self) -> float:
        """Return the seconds since the last validation."""
        return self.elapsed() - self.validated

    def presuming(self) -> Cancellable[None]:
        """Let the model that the training starts from say where it is sure of background."""
        if self.settings.pseudo_labels and self.learned:
            images = self.sampler.images
            found = yield from presuming(self.average, images, self.crop, str(self.device))
            self.presume(found)

    def presume(self, where: list[NDArray[np.bool_]]) -> None:
        """Learn that unknown pixels of the sampler's images are background in these places."""
        self.presumed = where
        images = zip(self.sampler.images, where, strict=True)
        self.sampler = replace(self.sampler, images=[with_background(i, w) for i, w in images])

    def step(self, progress: float) -> Losses:
        """One step of the optimizer. Nothing changes if it runs out of memory."""
        late = progress >= 1 - self.settings.large_crop_share
        batch = self._next(late)
        rate = self.learning_rate * max(0.0, 1 - progress) ** 0.9
        rate *= min(1.0, (self.steps + 1) / WARM_UP)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        image = channels_last(torch.from_numpy(batch.image).to(self.device))
        self.optimizer.zero_grad(set_to_none=True)
        with self._precision():
            raw = self.network(image)
        offsets, log_sigma, seed = split(raw.float(), self.best.settings)
        target = batch.target.to(self.device)
        losses = spatial_embedding_loss(
            offsets, log_sigma, seed, target, self.best.settings, self.settings.loss
        )
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimizer.step()
        self.follow()
        self.steps += 1
        return losses

    def _precision(self) -> Any:
        if self.settings.mixed_precision and self.device.type == "cuda":
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()

    @property
    def stage(self) -> tuple[tuple[int, ...], int]:
        """Edges of the crops and number of crops of the step made last, or next."""
        return self._stage[:2] if self._stage else (self.crop, self.batch_size)

    def _next(self, late: bool) -> Batch:
        ndim = self.best.settings.ndim
        # Larger crops in smaller batches keep the cost and the memory of a step about the same.
        factor = self.settings.large_crop_factor if late else 1.0
        size = max(1, round(self.batch_size / factor**ndim))
        crop = rounded([c * factor for c in self.crop], self.best.settings)
        centred = 0.5 if late else 0.9
        if self._batches is None or self._stage != (crop, size, centred):
            self.close()
            self._stage = crop, size, centred
            self._batches = self.sampler.batches(self.steps, size, crop, centred)
        return next(self._batches)

    @torch.no_grad()
    def follow(self) -> None:
        """Let the average follow the weights; faster in the beginning."""
        decay = min(self.settings.average, (1 + self.steps) / (10 + self.steps))
        pairs = zip(self.average.network.parameters(), self.network.parameters(), strict=True)
        for mean, value in pairs:
            mean.lerp_(value, 1 - decay)

    def shrink(self, error: BaseException) -> str:
        """Halve the batch, then the crop, after running out of memory; say so."""
        if not is_out_of_memory(error):
            raise error
        self.close()
        self.optimizer.zero_grad(set_to_none=True)
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
        # The failed step's variables live on in the error's frames: just what did not fit.
        traceback.clear_frames(error.__traceback__)
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return f"out of memory: {text} and going on"

    def validating(self) -> Cancellable[Validation]:
        """Score the averaged weights by real clustering, and keep them if they are the best.

        Without images that were held out nobody can tell the best from the one that knows the
        annotations by heart: then the latest is kept, of the lowest learning rate, if only it fits
        them as well as what the training started from.
        """
        start = time.monotonic()
        maps = yield from predicting(self.average, self.validation, str(self.device))
        scores = yield from evaluating(maps, self.validation, self.best.clustering)
        self.cost = time.monotonic() - start
        ap = mean_ap(scores)
        found = Validation(float(ap[0]), float(ap.mean()), self.held_out)
        least = self.best_ap if self.held_out else self.floor
        self.improved = found.mean_ap >= least
        if self.improved:
            self.best_ap = found.mean_ap
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
        self.validated = self.elapsed()
        return found

    def keep_something(self) -> None:
        """Take the averaged weights for the best, if none were validated yet."""
        if self.best_ap < 0:
            self.best.network.load_state_dict(self.average.network.state_dict())

    def finishing(self) -> Cancellable[None]:
        """Choose the thresholds that suit the best model, on the validation images.

        Those of the model that the training started from come first: few objects hardly tell. If
        they are also what was learned from, they tell nothing that goes beyond it.
        """
        maps = yield from predicting(self.best, self.validation, str(self.device))
        own = self.best.clustering
        default = ClusteringSettings(min_size=own.min_size)
        self.best.clustering = yield from calibrating(
            maps, self.validation, [own, default], others=self.held_out or not self.learned
        )

    def close(self) -> None:
        """Stop making batches."""
        if self._batches is not None:
            self._batches.close()  # type: ignore[attr-defined]
            self._batches = None

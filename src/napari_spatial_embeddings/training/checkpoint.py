"""Checkpoints: the whole state of a training in one file, to resume it from."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise

from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings, first_error
from napari_spatial_embeddings.core.quality.calibration import of_card
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import Places, reason
from napari_spatial_embeddings.system.atomic import write_atomically

if TYPE_CHECKING:
    from .annotation import TrainingImage
    from .trainer import Trainer

SCHEMA = 2

PSEUDO_BACKGROUND = "presumed/"
"""Prefix of the pseudo-background's tensors, as version 0.1.0 named them."""

MISMATCH = (
    "the checkpoint is of another model or of other annotations; train into another folder, or"
    " delete it to start from scratch"
)


class CheckpointError(InputError):
    """A checkpoint that cannot be used; the message gives the reason."""


class _Facts(BaseModel, extra="allow"):
    """The JSON values; those with a default are missing in checkpoints of older versions."""

    model: dict[str, Any]
    clustering: dict[str, Any]
    image_diameter: Annotated[float, Field(gt=0)] | None = None
    calibration: dict[str, Any] | None = None
    learned: bool = False
    places: Places | None = None
    history: list[dict[str, Any]]
    best_ap: float
    best_step: int = 0
    start_ap: float = 0
    steps: int = Field(ge=0)
    seconds: float = Field(ge=0)
    batch_size: int = Field(ge=1)
    crop: list[Annotated[int, Field(ge=1)]]


@contextmanager
def _fitting_together() -> Iterator[None]:
    """Turn errors about parts that are missing, or of another kind or shape, into sentences."""
    try:
        yield
    except (CheckpointError, torch.OutOfMemoryError):
        raise
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"the checkpoint does not fit together: {reason(error)}; delete it to start from"
            " scratch"
        ) from error


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tensors (weights, their average, the best, the optimizer's moments) and JSON values."""

    tensors: dict[str, torch.Tensor]
    facts: dict[str, Any]

    @classmethod
    def of(cls, run: Trainer) -> Checkpoint:
        """Copy the state of a training."""
        tensors = {}
        for part, network in _networks(run).items():
            for name, value in network.state_dict().items():
                tensors[f"{part}/{name}"] = value.detach().cpu().contiguous().clone()
        for prefix, state in _moments(run):
            for name, value in state.items():
                tensors[f"{prefix}{name}"] = value.detach().cpu().contiguous().clone()
        for i, image in enumerate(run.completed or []):
            if not image.scribbled:
                packed = bytearray(zlib.compress(image.labels.tobytes(), 1))
                tensors[f"completed/{i}"] = torch.frombuffer(packed, dtype=torch.uint8)
        for i, where in enumerate(run.pseudo_background or []):
            tensors[f"{PSEUDO_BACKGROUND}{i}"] = torch.from_numpy(np.packbits(where))
        known = run.best.calibration
        facts = {
            "schema": SCHEMA,
            "model": run.best.settings.model_dump(mode="json"),
            "clustering": run.best.clustering.model_dump(mode="json"),
            "image_diameter": run.best.image_diameter,
            "calibration": known and known.model_dump(mode="json"),
            "learned": run.learned,
            "places": run.places and run.places.model_dump(),
            "history": run.best.history,
            "best_ap": run.choice.best_ap,
            "best_step": run.choice.best_step,
            "start_ap": run.choice.start_ap,
            "steps": run.steps,
            "seconds": run.elapsed(),
            "batch_size": run.batch_size,
            "crop": run.crop,
        }
        return cls(tensors, facts)

    @_fitting_together()
    def model(self) -> SpatialEmbeddings:
        """Return a model of the same architecture and history as the start model.

        Raises
        ------
        CheckpointError
            If its settings are damaged.
        """
        learned = self.facts.get("learned", False)
        return SpatialEmbeddings(
            ModelSettings.model_validate(self.facts["model"]),
            clustering=ClusteringSettings.model_validate(self.facts["clustering"]),
            image_diameter=self.facts.get("image_diameter"),
            history=list(self.facts["history"]) if learned else [],
            calibration=of_card(self.facts),
            places=Places.model_validate(known) if (known := self.facts.get("places")) else None,
        )

    def completed_images(self, images: list[TrainingImage]) -> list[TrainingImage] | None:
        """Return the images with their scribbles as the training completed them, if it did."""
        if not any(name.startswith("completed/") for name in self.tensors):
            return None
        out = list(images)
        for i, image in enumerate(images):
            packed = self.tensors.get(f"completed/{i}")
            if packed is not None:
                labels = _unpack(packed, image.labels.shape)
                out[i] = replace(image, labels=labels, scribbled=False)
        return out

    @_fitting_together()
    def restore(self, run: Trainer) -> None:
        """Restore the state of a training.

        Raises
        ------
        CheckpointError
            If it is one of another model or other annotations, or parts are missing or damaged.
        """
        if ModelSettings.model_validate(self.facts["model"]) != run.best.settings:
            raise CheckpointError(MISMATCH)
        if not any(name.startswith("start/") for name in self.tensors):
            run.start = None  # of a version that did not keep it
        for part, network in _networks(run).items():
            prefix = f"{part}/"
            network.load_state_dict(
                {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}
            )
        if any(name.startswith("optimizer/") for name in self.tensors):
            for prefix, state in _moments(run):
                for name, value in state.items():
                    kept = self.tensors[f"{prefix}{name}"]
                    if kept.shape != value.shape:
                        raise CheckpointError(MISMATCH)
                    value.copy_(kept)
        self._restore_pseudo_background(run)
        run.best.history[:] = self.facts["history"]
        run.best.clustering = ClusteringSettings.model_validate(self.facts["clustering"])
        run.steps = self.facts["steps"]
        run.choice.best_ap = self.facts["best_ap"]
        # Version 0.1.0 did not note these.
        run.choice.best_step = self.facts.get("best_step", run.steps)
        run.choice.start_ap = self.facts.get("start_ap", -1.0)
        if len(self.facts["crop"]) != len(run.crop):
            raise CheckpointError(MISMATCH)
        run.batch_size, run.crop = self.facts["batch_size"], tuple(self.facts["crop"])
        run.spent = self.facts["seconds"]
        run.validated_at = run.spent

    def _restore_pseudo_background(self, run: Trainer) -> None:
        if not any(name.startswith(PSEUDO_BACKGROUND) for name in self.tensors):
            return
        where = []
        for i, image in enumerate(run.sampler.images):
            bits, shape = self.tensors.get(f"{PSEUDO_BACKGROUND}{i}"), image.labels.shape
            if bits is None or len(bits) != -(-image.labels.size // 8):
                raise CheckpointError(MISMATCH)
            flat = np.unpackbits(bits.numpy(), count=image.labels.size)
            where.append(flat.reshape(shape).astype(bool))
        run.add_pseudo_background(where)

    def write(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all; its folder is made if missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, serialise(self.tensors, {"facts": json.dumps(self.facts)}))

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read a checkpoint.

        Raises
        ------
        CheckpointError
            If it is damaged or from a newer version.
        """
        try:
            with safe_open(path, framework="pt") as file:
                facts = json.loads((file.metadata() or {})["facts"])
                tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
            if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
                raise CheckpointError(f"{path} was written by another version; delete it")
            facts = _Facts.model_validate(facts).model_dump(exclude_unset=True)
        except (SafetensorError, OSError, KeyError, RecursionError, ValueError) as error:
            if isinstance(error, CheckpointError):
                raise
            what = first_error(error) if isinstance(error, ValidationError) else error
            raise CheckpointError(
                f"{path} is damaged: {what}; delete it to start from scratch"
            ) from error
        return cls(tensors, facts)


def _networks(run: Trainer) -> dict[str, torch.nn.Module]:
    networks = {
        "network": run.weights.network,
        "average": run.average.network,
        "best": run.best.network,
    }
    return networks if run.start is None else {**networks, "start": run.start.network}


def _moments(run: Trainer) -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
    """Yield a prefix and what the optimizer notes, for each of the network's parameters.

    Of each, as before they lay in one vector: so a checkpoint of either kind can be resumed.
    """
    number = count()
    own = run.optimizer
    for k, step in enumerate(own.counts):
        means, squares = (
            run.weights.moments(k, vectors[k]) for vectors in (own.means, own.squares)
        )
        for mean, square in zip(means, squares, strict=True):
            values = {"step": step, "exp_avg": mean, "exp_avg_sq": square}
            yield f"optimizer/{next(number)}/", values


def _unpack(packed: torch.Tensor, shape: tuple[int, ...]) -> NDArray[np.int32]:
    size = 4 * math.prod(shape)
    try:  # never more than the image needs, even from a forged file
        flat = zlib.decompressobj().decompress(packed.numpy().tobytes(), size + 1)
    except zlib.error as error:
        raise CheckpointError(f"the checkpoint is damaged: {error}; delete it") from error
    if len(flat) != size:
        raise CheckpointError(MISMATCH)
    return np.frombuffer(flat, np.int32).reshape(shape)

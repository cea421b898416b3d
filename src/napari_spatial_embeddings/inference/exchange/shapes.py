"""Names and shapes of a network's weights, found without building it."""

from __future__ import annotations

from pathlib import Path

import torch

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.network import BranchedNet
from napari_spatial_embeddings.inference.model_card import ModelError


def weight_shapes(settings: ModelSettings, origin: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's weights by name; takes no memory, however large they are.

    Raises
    ------
    ModelError
        If no network can be that large; ``origin`` is what the message names.
    """
    try:
        with torch.device("meta"):
            network = BranchedNet(settings)
    except (RuntimeError, OverflowError, MemoryError) as error:
        raise ModelError(f"{origin} does not fit together: its network is too large") from error
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}

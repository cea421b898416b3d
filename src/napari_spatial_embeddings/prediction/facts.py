"""Facts of a run: its model and its settings, and all that decides what is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import (
        BlockSettings,
        ClusteringSettings,
        PredictionSettings,
    )
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings

    from .outputs import Outputs

MODEL, VERSION = "the model", "the program's version"
"""Names of what has to be the same in all processes that share in a run."""


def about_run(
    made_by: Mapping[str, Any], clustering: ClusteringSettings, prediction: PredictionSettings
) -> dict[str, Any]:
    """Return the model's name and hash, and the settings, for the files."""
    return {
        **made_by,
        "clustering": clustering.model_dump(mode="json"),
        "prediction": prediction.model_dump(mode="json"),
    }


def facts_of_run(
    model: SpatialEmbeddings,
    clustering: ClusteringSettings,
    prediction: PredictionSettings,
    blocks: BlockSettings,
    outputs: Outputs,
) -> dict[str, Any]:
    """Return all that decides what is written of an image, for `done.DoneImages`."""
    from napari_spatial_embeddings import __version__
    from napari_spatial_embeddings.inference.block_record import digest_of_model

    written = [outputs.table, outputs.maps, *outputs.formats, outputs.settings.model_dump()]
    return {
        MODEL: digest_of_model(model),
        "clustering": clustering.model_dump(),
        "prediction": prediction.model_dump(),
        "blocks": blocks.model_dump(),
        "outputs": written,
        VERSION: __version__,
    }

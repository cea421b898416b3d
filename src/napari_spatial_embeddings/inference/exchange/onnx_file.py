"""Models in single files of ONNX, which carry the card and can be read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.errors import extra
from napari_spatial_embeddings.inference.model_card import ModelCard, ModelError, parsed

from .graph import EXTRA, build

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings

CARD_KEY, FACTS_KEY = "napari-spatial-embeddings card", "napari-spatial-embeddings"
"""Metadata of the file: the card, and how the network is to be used."""


def onnx_bytes(model: SpatialEmbeddings, facts: dict[str, Any]) -> bytes:
    """Return a model as one file of ONNX; see `graph.build`.

    Parameters
    ----------
    model : SpatialEmbeddings
    facts : dict
        From `facts.describe`, written into the file's metadata.

    Raises
    ------
    InputError
        If the package onnx is not installed.
    """
    weights = {k: v.float().cpu().numpy() for k, v in model.network.state_dict().items()}
    properties = {
        FACTS_KEY: json.dumps(facts, allow_nan=False),
        CARD_KEY: json.dumps(model.card(), allow_nan=False),
    }
    written: bytes = build(model.settings, weights, properties).SerializeToString(
        deterministic=True
    )
    return written


def read_model(path: Path) -> SpatialEmbeddings:
    """Return the model of a file that `onnx_bytes` wrote. Nothing in it is executed.

    Raises
    ------
    ModelError
        If it is damaged, or was written by another program.
    InputError
        If the package onnx is not installed.
    """
    with extra(EXTRA):
        import onnx
        from google.protobuf.message import DecodeError
    import torch

    from napari_spatial_embeddings.inference.model import SpatialEmbeddings

    from .shapes import weight_shapes

    try:
        read = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise ModelError(f"{path} is no ONNX file, or is damaged: {error}") from error
    card = {p.key: p.value for p in read.metadata_props}.get(CARD_KEY)
    if card is None:
        raise ModelError(
            f"{path} was written by another program: only models that this one exported can be"
            " imported"
        )
    known = ModelCard.checked(path, parsed(card, path))
    wanted = weight_shapes(known.settings, path)
    tensors = {t.name: t for t in read.graph.initializer if t.name in wanted}
    weights = {}
    for name, shape in wanted.items():
        tensor = tensors.get(name)
        if tensor is None or tuple(tensor.dims) != shape or tensor.data_location:
            raise ModelError(f"{path} does not fit together: its card and '{name}' differ")
        weights[name] = torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
    model = SpatialEmbeddings(
        **{name: getattr(known, name) for name in ModelCard.__dataclass_fields__}
    )
    model.network.load_state_dict(weights)
    return model

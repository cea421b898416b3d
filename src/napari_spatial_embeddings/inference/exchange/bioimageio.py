"""Package of a model as bioimage.io describes it: spec 0.5, with ONNX weights and test tensors.

The description is written as YAML without bioimage.io's own libraries, which refuse their own
examples with some versions of what they need; a slow test has them validate and run it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.network import multiple, reach
from napari_spatial_embeddings.core.units import NGFF
from napari_spatial_embeddings.errors import extra
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise

from .example import example_image, picture
from .facts import CLIP, README, page
from .graph import EXTRA, INPUT, OPSET, OUTPUTS

FORMAT = "0.5.5"
DESCRIPTION, COVER, WEIGHTS = "rdf.yaml", "cover.png", "model.onnx"

HALO = {2: 64, 3: 32}
"""Halo of tiles in pixels, at most. The smallest image has to be more than twice as large, by the
specification, so that all that a network sees would leave few images."""

CITATIONS = (
    (
        "Neven et al.: Instance Segmentation by Jointly Optimizing Spatial Embeddings, CVPR 2019",
        "10.48550/arXiv.1906.11109",
    ),
    (
        "Lalit, Tomancak, Jug: Embedding-based Instance Segmentation in Microscopy. MIDL 2021",
        "10.48550/arXiv.2101.10033",
    ),
)


def halo(settings: ModelSettings) -> tuple[int, ...]:
    """Return the width of a tile's halo along each axis, in pixels: multiples of the network's."""
    return tuple(
        min(math.ceil(HALO[settings.ndim] / unit / step) * step, seen)
        for unit, step, seen in zip(
            settings.spacing, multiple(settings), reach(settings), strict=True
        )
    )


def described(
    model: SpatialEmbeddings,
    facts: Mapping[str, Any],
    files: Mapping[str, bytes],
    authors: Sequence[str],
    licence: str | None,
) -> dict[str, bytes]:
    """Return the files of a package: those that are given, and what describes and tests them.

    Parameters
    ----------
    model : SpatialEmbeddings
    facts : dict
        From `facts.describe`.
    files : dict
        ``model.onnx`` and what comes beside it, by name.
    authors : sequence of str
    licence : str, optional
        By its name in SPDX.

    Raises
    ------
    InputError
        If the package PyYAML is not installed.
    """
    with extra(EXTRA):
        import yaml
    settings = model.settings
    least = [2 * h + g for h, g in zip(halo(settings), multiple(settings), strict=True)]
    image = example_image(settings, tuple(least))
    normal = normalise(image, normalisation(image, settings))
    whole = PredictionSettings(device="cpu", tile=1 << 14, halo=0)
    *_, last = model.predicting_normalised(normal, whole)
    maps = last.maps
    tensors = {"test_input.npy": image[None]}
    for name in OUTPUTS:
        tensors[f"test_{name}.npy"] = getattr(maps, name)[None]
    out = {name: _npy(array) for name, array in tensors.items()}
    out |= {COVER: picture(normal, cluster(maps, model.clustering).labels), **files}
    names = sorted([*out, README, DESCRIPTION])
    out[README] = page(dict(facts), model.about, names).encode()
    text = _description(model, facts, out, authors, licence)
    out[DESCRIPTION] = yaml.safe_dump(text, sort_keys=False, allow_unicode=True).encode()
    return out


def _npy(array: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def _description(
    model: SpatialEmbeddings,
    facts: Mapping[str, Any],
    files: Mapping[str, bytes],
    authors: Sequence[str],
    licence: str | None,
) -> dict[str, Any]:
    """Return the content of ``rdf.yaml``."""

    def file(name: str) -> dict[str, str]:
        return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}

    settings, summary = model.settings, model.about.get("summary")
    what = summary if isinstance(summary, str) else "objects"
    described = "Maps of spatial embeddings, from which reference.py finds instances"
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    rights: dict[str, Any] = {"license": licence} if licence else {}
    if authors:
        rights["authors"] = [{"name": name} for name in authors]
    others = [n for n in files if n not in (WEIGHTS, COVER, README) and not n.startswith("test_")]
    return {
        "format_version": FORMAT,
        "type": "model",
        "name": _plain(str(facts["model"])),
        "description": f"{described}: {what}"[:1024],
        **rights,
        "cite": [{"text": text, "doi": doi} for text, doi in CITATIONS],
        "tags": ["instance-segmentation", "spatial-embeddings", f"{settings.ndim}d", "napari"],
        "documentation": README,
        "covers": [COVER],
        "attachments": [file(name) for name in sorted(others)],
        "timestamp": now,
        "inputs": [_input(model, facts, file("test_input.npy"))],
        "outputs": [_output(settings, facts, name, file(f"test_{name}.npy")) for name in OUTPUTS],
        "weights": {"onnx": {**file(WEIGHTS), "opset_version": OPSET}},
        "config": {
            "bioimageio": {
                "reproducibility_tolerance": [
                    {"relative_tolerance": 1e-3, "absolute_tolerance": 1e-3}
                ]
            },
            "napari-spatial-embeddings": _plain_data(facts),
        },
    }


def _input(model: SpatialEmbeddings, facts: Mapping[str, Any], test: Any) -> dict[str, Any]:
    settings = model.settings
    axes = list("zyx"[-settings.ndim :])
    space = [
        {**axis, "size": {"min": 2 * around + step, "step": step}}
        for axis, around, step in zip(
            _space(settings, facts), halo(settings), multiple(settings), strict=True
        )
    ]
    names = [f"channel_{n}" for n in range(settings.in_channels)]
    percentiles = {
        "min_percentile": settings.low_percentile,
        "max_percentile": settings.high_percentile,
        "axes": axes,  # each channel of each image by itself; all images so far, if not given
        "eps": 1e-8,
    }
    return {
        "id": INPUT,
        "description": f"Objects about {settings.working_diameter:g} pixels wide",
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": names}, *space],
        "test_tensor": test,
        "data": {"type": "float32"},
        "preprocessing": [
            {"id": "scale_range", "kwargs": percentiles},
            {"id": "clip", "kwargs": {"min": -CLIP, "max": CLIP}},
        ],
    }


def _space(settings: ModelSettings, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the spatial axes, with the size of a pixel at the network's scale."""
    unit = NGFF.get(facts["input"]["unit"] or "")
    lengths = facts["input"]["pixel_size"] if unit else settings.spacing
    known = {"unit": unit} if unit else {}
    return [
        {"type": "space", "id": axis, "scale": float(length), **known}
        for axis, length in zip("zyx"[-settings.ndim :], lengths, strict=True)
    ]


def _output(
    settings: ModelSettings, facts: Mapping[str, Any], name: str, test: Any
) -> dict[str, Any]:
    axes = list("zyx"[-settings.ndim :])
    channels = {
        "offsets": [f"offset_{axis}" for axis in axes],
        "sigma": [f"sigma_{axis}" for axis in axes] if settings.sigma_per_axis else ["sigma"],
        "seed": [f"seed_{n}" for n in range(len(settings.classes))],
    }
    what = {
        "offsets": "From each pixel to its object's centre, in pixels of the finest axis",
        "sigma": "Bandwidth of the object, in pixels of the finest axis",
        "seed": f"How well the pixel points at the centre; classes: {', '.join(settings.classes)}",
    }
    space = [
        # The specification has no halo of 0: an axis along which nothing is mixed has none.
        {
            **axis,
            **({"halo": around} if around else {}),
            "size": {"tensor_id": INPUT, "axis_id": axis["id"]},
        }
        for axis, around in zip(_space(settings, facts), halo(settings), strict=True)
    ]
    return {
        "id": name,
        "description": what[name][:128],
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": channels[name]}, *space],
        "test_tensor": test,
        "data": {"type": "float32"},
    }


def _plain(name: str) -> str:
    """Return a name of the letters that the specification allows."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "_+- ()") else "-" for c in name)
    return (plain if len(plain) >= 5 else f"model {plain}")[:128]


def _plain_data(value: Any) -> Any:
    """Return facts as YAML has them: lists for tuples."""
    if isinstance(value, Mapping):
        return {str(k): _plain_data(v) for k, v in value.items()}
    return [_plain_data(v) for v in value] if isinstance(value, list | tuple) else value

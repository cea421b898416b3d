"""Facts about a model for those who use it elsewhere: as JSON, and as a page of text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.core.network import multiple
from napari_spatial_embeddings.core.text import listed
from napari_spatial_embeddings.core.units import METRES, unit_name
from napari_spatial_embeddings.inference.model import SpatialEmbeddings

REFERENCE, README = "reference.py", "README.md"
CLIP = 4
"""Normalised values are cut at this and its negative, as `normalisation.normalise` does."""


def describe(model: SpatialEmbeddings, name: str, digest: str) -> dict[str, Any]:
    """Return what it takes to use a network in another program, as JSON.

    Parameters
    ----------
    model : SpatialEmbeddings
    name : str
    digest : str
        SHA-256 of the file of its weights.
    """
    settings = model.settings
    size = working_pixel_size(model)
    axes = "ZYX"[-settings.ndim :]
    return {
        "model": name,
        "weights_sha256": digest,
        "written_by": f"napari-spatial-embeddings {__version__}",
        "input": {
            "axes": f"BC{axes}",
            "channels": settings.in_channels,
            "low_percentile": settings.low_percentile,
            "high_percentile": settings.high_percentile,
            "clip": [-CLIP, CLIP],
            "object_diameter_px": settings.working_diameter,
            "spacing": settings.spacing,
            "pixel_size": size,
            "unit": unit_name(model.unit) if size else None,
        },
        "outputs": {
            "offsets": f"per axis ({axes}), from each pixel to its object's centre, in pixels",
            "sigma": "bandwidth of the object, in pixels",
            "seed": "per class, 0 to 1",
        },
        "classes": settings.classes,
        "grain": multiple(settings),
        "clustering": model.clustering.model_dump(mode="json"),
    }


def working_pixel_size(model: SpatialEmbeddings) -> tuple[float, ...] | None:
    """Return the size of a pixel at the scale that the network sees; None where it is unknown."""
    size, settings = model.pixel_size, model.settings
    known = [s / u for s, u in zip(size or (), settings.spacing, strict=False) if s]
    if not known or unit_name(model.unit) not in METRES:
        return None
    finest = min(known) * (model.image_diameter or settings.working_diameter)
    return tuple(finest / settings.working_diameter * unit for unit in settings.spacing)


def page(facts: dict[str, Any], about: dict[str, Any], files: Sequence[str]) -> str:
    """Return a page, in Markdown, about how the model is used elsewhere.

    Parameters
    ----------
    facts : dict
        From `describe`.
    about : dict
        The card's free text.
    files : sequence of str
        Names of the files beside it.
    """
    given, clustering = facts["input"], facts["clustering"]
    axes = given["axes"][2:]
    coarse = {a: s for a, s in zip(axes, given["spacing"], strict=True) if s != 1}
    spacing = (
        "All axes have the same spacing."
        if not coarse
        else f"A pixel is {listed([f'{s:g} times as long along {a}' for a, s in coarse.items()])}"
        " as along the finest axis."
    )
    size = given["pixel_size"] and ", ".join(f"{v:g}" for v in given["pixel_size"])
    scale = f" A pixel of {size} {given['unit']} is right." if size else ""
    channels = given["channels"]
    rows = "\n".join(f"| `{key}` | {value:g} |" for key, value in clustering.items())
    summary = about.get("summary")
    return f"""# {facts["model"]}

{summary[:1].upper() + summary[1:] + "." if isinstance(summary, str) and summary else ""}
A network that segments instances by spatial embeddings (Neven et al., CVPR 2019), exported by
{facts["written_by"]}. SHA-256 of `model.safetensors`: `{facts["weights_sha256"]}`.

Files: {", ".join(f"`{name}`" for name in files)}.

## From an image to maps

1. **Scale.** Resample the image until its objects are about {given["object_diameter_px"]:g} pixels
   wide, as the network expects. {spacing}{scale}
2. **Normalise.** Of each of the {channels} channel{"s" * (channels != 1)}, the percentiles
   {given["low_percentile"]:g} and {given["high_percentile"]:g} of the whole image (not of a tile or
   a slice) become 0 and 1; what lies outside goes on linearly, and is cut at -{CLIP} and {CLIP}.
   `normalised` in `{REFERENCE}` does it.
3. **Run** `model.onnx` (opset 17): `image`, float32 ({", ".join(given["axes"])}), of any size and
   batch, gives `offsets`, `sigma` and `seed`, of the same size. By tiles, the first pixel of each
   should be a multiple of {" x ".join(map(str, facts["grain"]))}.

## From maps to objects

Pixel i at x points to e = x + offset, its *spatial embedding*, with a bandwidth sigma; all in
pixels of the finest axis. Among the pixels whose seed (the highest of the classes) is above the
foreground threshold, the free one of highest seed makes a proposal: all pixels with

    phi(i) = exp(-1/2 sum_d ((e_i - e_best)_d / (margin_factor * sigma_best_d))^2) > 1/2

Those that are still free become an object if they are at least `min_size`, and more than
`min_free_fraction` of the proposal; they are no longer free in any case. The object's class is that
of the highest seed map at the pixel that proposed it. This goes on down to the seed threshold.

| setting | value |
|---|---|
{rows}

`{REFERENCE}` does this in plain NumPy:

```python
import json

import numpy as np
import onnxruntime

import reference

card = json.load(open("model.json"))
image = np.load("image.npy")  # (C, {", ".join(axes)}), resampled
image = reference.normalised(image, {given["low_percentile"]:g}, {given["high_percentile"]:g})
maps = onnxruntime.InferenceSession("model.onnx").run(None, {{"image": image[None]}})
spacing = card["model"]["spacing"]
labels, classes = reference.instances(*(m[0] for m in maps), spacing, **card["clustering"])
```

`napari-spatial-embeddings models import` takes this folder, or a zip of it, back.
"""


def reference_source() -> str:
    """Return the source of the NumPy reference of the clustering."""
    return (Path(__file__).parent / REFERENCE).read_text("utf-8")

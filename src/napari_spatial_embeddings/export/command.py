"""Command line, and Python, that repeat a prediction with all its settings."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from napari_spatial_embeddings import PROGRAM
from napari_spatial_embeddings.config import (
    ClusteringSettings,
    ExportSettings,
    PredictionSettings,
    Settings,
)

PACKAGE = __name__.partition(".")[0]

OWN = {"objects": "--table", "maps": "--maps", "ome": "--ome", "panels": "--panels"}
"""Flags of `predict` for formats."""

NAMES = {
    "roi": "roi",
    "geojson": "geojson",
    "coco": "coco",
    "shapes": "shapes",
    "table": "objects",
    "seg": "seg",
    "ome-zarr": "ome-zarr",
    "png": "png",
    "npy": "npy",
    "tiff": "labels",
    "ome-tiff": "ome",
    "picture": "overlay",
    "panels": "panels",
    "svg": "svg",
    "pdf": "pdf",
    "parquet": "parquet",
    "anndata": "anndata",
}
"""Names of formats on the command line, with the keys of `export.FORMATS`, slow to load."""


def predict_command(
    images: Sequence[str | Path],
    model: str | Path,
    output: str | Path,
    clustering: ClusteringSettings,
    prediction: PredictionSettings | None = None,
    *,
    axes: str | None = None,
    channels: Sequence[int] | None = None,
    grey: str | None = None,
    pixel_size: Sequence[float | None] | None = None,
    unit: str | None = None,
    frames: Sequence[int] | None = None,
    formats: Sequence[str] = (),
    settings: ExportSettings = ExportSettings(),
    corrections: Path | None = None,
    annotation: Path | None = None,
) -> str:
    """Return the command that segments images with a model and these settings.

    Parameters
    ----------
    images : sequence of paths
    model : path or str
        Its folder, or the name of a shipped one.
    output : path
    clustering : ClusteringSettings
        All of them are named, whatever suits the model.
    prediction : PredictionSettings, optional
        Named where they are not the defaults.
    axes : str, optional
        Meaning of the images' axes.
    channels : sequence of int, optional
        Those of the images to use; all if not given.
    grey : str, optional
        What is made of the colours of RGB images: "plain" or "inverted"; they stay if not given.
    pixel_size, unit : optional
        Size of a pixel along each axis, and its unit; read from the images if not given.
    frames : sequence of int, optional
        Those of a time series; all if not given.
    formats : sequence of keys of `export.FORMATS`
        What is written; labels in any case.
    settings : ExportSettings
        Of these.
    corrections : path, optional
        Of the file of corrections of the only image.
    annotation : path, optional
        Of the labels that its panels show.

    Returns
    -------
    str
        Quoted as this system's shell wants it.
    """
    words = [PROGRAM, "predict", *map(str, images), "--model", str(model), "--output", str(output)]
    words += [flag for key, flag in OWN.items() if key in formats]
    left = {*formats} - {*OWN, *(() if "ome" in formats else ("labels",))}
    others = [name for name, key in NAMES.items() if key in left]
    words += ["--format", *others] if others else []
    words += ["--corrections", str(corrections)] if corrections else []
    words += ["--annotations", str(annotation)] if annotation else []
    words += ["--axes", axes] if axes else []
    words += ["--channels", *map(str, channels)] if channels is not None else []
    words += ["--grey", grey] if grey else []
    words += ["--pixel-size", *map(str, pixel_size)] if pixel_size else []
    words += ["--unit", unit] if pixel_size and unit else []
    words += ["--frames", *map(str, frames)] if frames is not None else []
    words += write_flags(clustering)
    words += write_flags(prediction or PredictionSettings(), PredictionSettings())
    words += write_flags(settings, ExportSettings()) if others or "panels" in formats else []
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def predict_python(
    image: str | Path,
    model: str | Path,
    output: str | Path,
    clustering: ClusteringSettings,
    prediction: PredictionSettings,
    reading: Mapping[str, Any],
    *,
    frame: int | None = None,
    formats: Sequence[str] = ("labels",),
    settings: ExportSettings = ExportSettings(),
    corrections: Path | None = None,
    annotation: Path | None = None,
) -> str:
    """Return the Python that segments an image with a model and these settings.

    Parameters
    ----------
    image, model, output, clustering, prediction
        As of `predict_command`; one image.
    reading : mapping
        Of `project.image_source.ImageSource`, all that is given but the path.
    frame : int, optional
        Which one of a time series.
    formats, settings, corrections, annotation
        As of `predict_command`.
    """
    how = "".join(f", {name}={value!r}" for name, value in reading.items() if value is not None)
    lines = [
        f"ImageSource(Path({str(image)!r}){how})",
        f"model={str(model)!r}",
        f"clustering={_call(clustering)}",
        f"prediction={_call(prediction)}",
    ]
    lines += [] if frame is None else [f"frame={frame}"]
    files = {"corrections": corrections, "annotation": annotation}
    lines += [f"{name}=Path({str(path)!r})" for name, path in files.items() if path is not None]
    words = "".join(f"    {line},\n" for line in lines)
    return f"""from pathlib import Path

from {PACKAGE}.config import ClusteringSettings, ExportSettings, PredictionSettings
from {PACKAGE}.export import export
from {PACKAGE}.prediction.repeated import segment_image
from {PACKAGE}.project.image_source import ImageSource

found = segment_image(
{words})
for path in export({str(output)!r}, found, {list(formats)!r}, settings={_call(settings)}):
    print(path)
"""


def _call(settings: Settings) -> str:
    """Return the Python that makes some settings."""
    known = ", ".join(f"{name}={value!r}" for name, value in settings.model_dump().items())
    return f"{type(settings).__name__}({known})"


def write_flags(settings: Settings, base: Settings | None = None) -> list[str]:
    """Return the words of a command line that `read_flags` reads as these settings.

    Parameters
    ----------
    settings : Settings
    base : Settings, optional
        What a command starts from; fields that are as there are left out.
    """
    words: list[str] = []
    for name in type(settings).model_fields:
        value, before = getattr(settings, name), getattr(base, name, None)
        flag = "--" + name.replace("_", "-")
        if isinstance(value, Settings):
            words += write_flags(value, before)
        elif value is None or (base is not None and value == before):
            continue
        elif isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            words += [flag, *map(_word, value if isinstance(value, tuple) else (value,))]
    return words


def _word(value: object) -> str:
    """Return a value as a word; "-1e-05" would be taken for a flag."""
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value)

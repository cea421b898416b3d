"""The command line that repeats a prediction, with the flags of its settings."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from napari_spatial_embeddings import PROGRAM
from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings, Settings


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
    table: bool = False,
    maps: bool = False,
    ome: bool = False,
    panels: bool = False,
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
    table, maps, ome, panels : bool
        What is written besides labels, and their format.

    Returns
    -------
    str
        Quoted as this system's shell wants it.
    """
    words = [PROGRAM, "predict", *map(str, images), "--model", str(model), "--output", str(output)]
    given = {"--table": table, "--maps": maps, "--ome": ome, "--panels": panels}
    words += [flag for flag, wanted in given.items() if wanted]
    words += ["--axes", axes] if axes else []
    words += ["--channels", *map(str, channels)] if channels is not None else []
    words += ["--grey", grey] if grey else []
    words += ["--pixel-size", *map(str, pixel_size)] if pixel_size else []
    words += ["--unit", unit] if pixel_size and unit else []
    words += ["--frames", *map(str, frames)] if frames is not None else []
    words += write_flags(clustering)
    words += write_flags(prediction or PredictionSettings(), PredictionSettings())
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


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
            words += [flag, *map(str, value if isinstance(value, tuple) else (value,))]
    return words

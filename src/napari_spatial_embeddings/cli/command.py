"""The command line that does what somebody did by hand."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings

from .flags import write_flags
from .parser import PROGRAM


def predict_command(
    images: Sequence[str | Path],
    model: str | Path,
    output: str | Path,
    clustering: ClusteringSettings,
    prediction: PredictionSettings | None = None,
    *,
    axes: str | None = None,
    table: bool = False,
    maps: bool = False,
    ome: bool = False,
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
    table, maps, ome : bool
        What is written besides labels, and their format.

    Returns
    -------
    str
        Quoted as this system's shell wants it.
    """
    words = [PROGRAM, "predict", *map(str, images), "--model", str(model), "--output", str(output)]
    given = {"--table": table, "--maps": maps, "--ome": ome}
    words += [flag for flag, wanted in given.items() if wanted]
    words += ["--axes", axes] if axes else []
    words += write_flags(clustering)
    words += write_flags(prediction or PredictionSettings(), PredictionSettings())
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
